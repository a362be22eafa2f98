"""The README's commands are run as they stand there; only addresses and the fingerprint are this machine's."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT
from tests.rig import BIN, Rig

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
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


def test_the_tour_works_as_written(rig: Rig):
    administrating = [command for command in COMMANDS if command.startswith("ambassador-admin")]
    assert len(administrating) >= 12
    for command in administrating:
        program, *words = as_here(command, rig)
        done = rig.run(program, *words, env={"FIRST_KEY": rig.facts["admin_key"]})
        assert done.stdout or done.stderr, command


def test_the_users_part_of_the_tour_works_as_written(rig: Rig):
    using = [command for command in COMMANDS if command.startswith("ambassador-client")]
    words = [shlex.split(command)[1] for command in using]
    assert words[:5] == ["login", "whoami", "tools", "call", "doctor"]
    code, kept = "", [command for command in COMMANDS if command.startswith("ambassador-admin")]
    for command in kept:
        program, *rest = as_here(command, rig)
        if rest[0] == "audit":
            break
        done = rig.run(program, *rest, env={"FIRST_KEY": rig.facts["admin_key"]})
        code = next(iter(re.findall(r"(?:\w{4}-){2}\w{4}", done.stdout)), code)
    for command in using[:5]:
        program, *rest = as_here(command, rig, code)
        assert rig.run(program, *rest, env={"XDG_RUNTIME_DIR": str(rig.directory)}).stdout, command


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
