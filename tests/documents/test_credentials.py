"""The commands in `docs/credentials.md` are run as they are written, against an MCP that returns what it received."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT
from tests.end_to_end.connecting import BROWSER
from tests.end_to_end.world import downstream, until
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider

TEXT = (ROOT / "docs" / "credentials.md").read_text()
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with downstream(tmp_path, "--http", server="echoing_server") as found:
        yield found.url


@pytest.fixture
def provider(url: str) -> Iterator[str]:
    with oidc_provider(target=url) as found:
        yield found


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    settings = tmp_path / "server.yaml"
    settings.write_text("{}")
    rig = Rig(tmp_path, is_preloaded=True, server_flags=("--config", str(settings)))
    rig.init()
    rig.start()
    try:
        rig.stop()
        settings.write_text(json.dumps({"public_url": rig.client_url}))
        rig.start()
        yield rig
    finally:
        rig.stop()


def test_the_commands_work_as_written(rig: Rig, url: str, provider: str, tmp_path: Path) -> None:
    rig.admin("group", "create", "developers")
    rig.admin("user", "create", "alice")
    rig.admin("group", "add-member", "developers", "alice")
    key = rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"]
    (tmp_path / "weather-key").write_text("r4in\n")
    browser = f"env SSL_CERT_FILE={rig.facts['ca_file']} {sys.executable} {BROWSER} %s"
    printed: dict[str, str] = {}
    for program, *written in COMMANDS:
        words = [_here(word, url, provider, tmp_path) for word in written]
        if words[:2] in (["credential", "oauth"], ["issuer", "add"]):
            words.append("--private-addresses")  # the servers of this test are on the same machine
        is_admin = program == "ambassador-admin"
        environment = rig.admin_environment() if is_admin else rig.client_environment(key)
        environment["MCP_AMBASSADOR_DATA_DIR"] = str(rig.data_dir)
        environment |= {"MY_WIKI_TOKEN": "m1ne", "BROWSER": browser}
        if words == ["call", "mail__received"]:
            tools = partial(rig.run, "ambassador-client", "tools", "list", env=environment)
            until(partial(_shows, tools, "mail__received"), "the user's connection lists its tools")
        answers = "al1ce\n" if words[:2] == ["credential", "set"] else None
        done = rig.run(program, *words, env=environment, stdin=answers)
        assert done.stdout or done.stderr, words
        printed[" ".join(words[:3])] = done.stdout
    assert len(COMMANDS) >= 20
    assert "Wiki, Settings, Access tokens" in rig.admin("credential", "fields", "wiki", "-o", "json").stdout
    received = json.loads(printed["call wiki__received"])
    assert received["headers"] == {"Authorization": "Bearer al1ce"}
    received = json.loads(printed["call mail__received"])
    assert received["headers"]["X-Subject"] == "alice"
    assert "connected" in printed["connections"]
    assert "alice" in printed["credential list --mcp"]
    assert rig.admin_json("credential", "list") == []
    assert "keys/vault-2" in printed["vault new-key"]
    done = rig.run("ambassador-server", "vault", "status", "--json", "--data-dir", str(rig.data_dir))
    assert [(each["key"], each["use"]) for each in json.loads(done.stdout)] == [(1, "unused"), (2, "seals")]
    weather = rig.admin_json("mcp", "show", "weather")
    assert (weather["status"], weather["tools"] > 0) == ("published", True)
    events = rig.admin("audit", "query", "--limit", "1000", "-o", "json").stdout
    for value in ("m1ne", "al1ce", "r4in", received["headers"]["Authorization"]):
        assert value not in events


def _shows(command: Callable[[], subprocess.CompletedProcess[str]], text: str) -> bool:
    return text in command().stdout


def _here(word: str, url: str, provider: str, directory: Path) -> str:
    if word.startswith("https://mail."):
        return f"{provider}/mcp"
    if word.startswith("https://"):
        return url
    return f"file://{directory}/weather-key" if word.startswith("file:///run") else word


def test_every_place_is_described() -> None:
    assert set(re.findall(r"^\| `--(\w+)[ `]", TEXT, re.MULTILINE)) == {
        "environment",
        "argument",
        "header",
        "query",
    }
