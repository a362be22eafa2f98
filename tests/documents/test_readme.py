"""The README's commands are run as they are written; only addresses and the fingerprint are this machine's."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.architecture.test_sizes import ROOT
from tests.rig import BIN, Rig

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("readme"))
    rig.init()
    rig.start()
    try:
        yield rig
    finally:
        rig.stop()


def as_here(command: str, rig: Rig, code: str = "") -> list[str]:
    words = shlex.split(command)
    replaced = {
        "https://localhost:9443": rig.admin_url.replace("127.0.0.1", "localhost"),
        "AA:BB:…": rig.facts["ca_fingerprint"],
        "https://localhost:8443": rig.client_url.replace("127.0.0.1", "localhost"),
        "7KQF-3M2X-9TWD": code,
        "uvx": str(BIN / "mcp-server-time"),
    }
    words = [replaced.get(word, word) for word in words if word != "mcp-server-time"]
    if words[:2] == ["ambassador-admin", "login"]:
        words += ["--key-from", "env://FIRST_KEY"]
    return words


@pytest.fixture(scope="module")
def toured(rig: Rig) -> dict[str, str]:
    """Run every command but those that serve or change this machine, in order; returns what each said."""
    said, code = {}, ""
    for command in COMMANDS:
        program, *words = as_here(command, rig, code)
        if program == "ambassador-admin":
            done = rig.run(program, *words, env={"FIRST_KEY": rig.facts["admin_key"]})
            said[command] = done.stdout or done.stderr
            code = next(iter(re.findall(r"(?:\w{4}-){2}\w{4}", done.stdout)), code)
        elif program == "ambassador-client" and words[0] not in {"install", "hosts", "undo"}:
            said[command] = rig.run(program, *words, env={"XDG_RUNTIME_DIR": str(rig.directory)}).stdout
    return said


def test_the_tour_works_as_written(toured: dict[str, str]):
    administrating = [command for command in COMMANDS if command.startswith("ambassador-admin")]
    assert len(administrating) >= 12
    assert [command for command in administrating if not toured[command]] == []


def test_the_users_part_of_the_tour_works_as_written(toured: dict[str, str]):
    using = [command for command in COMMANDS if command.startswith("ambassador-client")]
    words = [shlex.split(command)[1] for command in using]
    assert words[:5] == ["login", "whoami", "tools", "call", "doctor"]
    assert [command for command in using[:5] if not toured[command]] == []


def test_the_server_commands_are_the_ones_there_are(rig: Rig):
    serving = [command for command in COMMANDS if command.startswith("ambassador-server")]
    assert [shlex.split(command)[1] for command in serving] == ["init", "serve"]
    for command in serving:
        help_text = rig.run("ambassador-server", shlex.split(command)[1], "--help").stdout
        for option in re.findall(r"--[a-z-]+", command):
            assert option in help_text


def test_every_make_target_it_names_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= set(targets)


def test_every_file_it_names_exists():
    named = re.findall(r"`((?:docs/)?[\w./-]+\.md)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
