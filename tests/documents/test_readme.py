"""The README's commands are run as they are written; only addresses, fingerprint and code are those of this run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT
from tests.quickstart import FREE_PORTS, Quickstart, serving, uvx_of_here
from tests.rig import Rig

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
QUESTIONS, ANSWERED = (command for command in COMMANDS if "quickstart" in command)


class OtherRig(Rig):
    """The server that the README sets up step by step."""

    @property
    def data_dir(self) -> Path:
        return self.directory / "other-data"


def of(program: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(program)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(tmp_path_factory.mktemp("readme"), is_preloaded=True)


@pytest.fixture(scope="module")
def environment(rig: Rig) -> dict[str, str]:
    path = f"{uvx_of_here(rig.directory / 'bin')}:{rig.environment()['PATH']}"
    return {**rig.environment(), **FREE_PORTS, "PATH": path, "XDG_RUNTIME_DIR": str(rig.directory)}


@pytest.fixture(scope="module")
def quickstart(rig: Rig, environment: dict[str, str]) -> Iterator[Quickstart]:
    program, command, *words = shlex.split(ANSWERED)
    assert (program, command) == ("ambassador-server", "quickstart")
    with serving(rig.directory, words, environment) as found:
        yield found


def as_here(command: str, quickstart: Quickstart, code: str) -> list[str]:
    replaced = {
        "https://localhost:9443": quickstart.admin_url,
        "https://localhost:8443": quickstart.client_url,
        "AA:BB:…": quickstart.fingerprint,
        "7KQF-3M2X-9TWD": code,
    }
    return [replaced.get(word, word) for word in shlex.split(command)]


@pytest.fixture(scope="module")
def toured(rig: Rig, environment: dict[str, str], quickstart: Quickstart) -> dict[str, str]:
    """Run every command of client and administrator, in order, and return what each printed."""
    said = {}
    for command in COMMANDS:
        program, *words = as_here(command, quickstart, quickstart.code)
        if program == "ambassador-admin" or (program == "ambassador-client" and words[0] != "install"):
            done = rig.run(program, *words, stdin=f"{quickstart.admin_key}\n", env=environment)
            said[command] = done.stdout or done.stderr
    return said


def test_the_tour_of_the_administrator_works_as_written(toured: dict[str, str]) -> None:
    assert len(of("ambassador-admin")) >= 11
    assert [command for command in of("ambassador-admin") if not toured[command]] == []


def test_the_tour_of_the_developer_works_as_written(toured: dict[str, str]) -> None:
    using = [shlex.split(command)[1] for command in of("ambassador-client")]
    assert using == ["login", "call", "whoami", "tools", "doctor", "install", "hosts"]
    assert [command for command in of("ambassador-client") if not toured.get(command, "install")] == []


def test_it_ends_in_a_governed_call(toured: dict[str, str]) -> None:
    (call,) = (command for command in COMMANDS if " call " in command)
    assert '"timezone": "Europe/Zurich"' in toured[call]
    (query,) = (command for command in COMMANDS if " audit query " in command)
    assert "time.get_current_time" in toured[query]
    (explain,) = (command for command in COMMANDS if " explain " in command)
    assert "alice" in toured[explain]


def test_a_stranger_needs_few_commands_to_the_first_governed_call() -> None:
    installed = max(number for number, command in enumerate(COMMANDS) if command.startswith("pipx install"))
    (call,) = (number for number, command in enumerate(COMMANDS) if " call " in command)
    walk = [command for command in COMMANDS[installed + 1 : call + 1] if command != QUESTIONS]
    assert [shlex.split(command)[1] for command in walk] == ["quickstart", "login", "call"]


def test_no_pasted_block_ends_by_undoing_what_it_did() -> None:
    last = [shlex.split(block.rstrip().rpartition("$ ")[2])[1] for block in BLOCKS]
    assert len(last) >= 9
    assert not {"undo", "uninstall", "logout"} & set(last)


def test_it_says_where_the_product_comes_from() -> None:
    assert "Nothing is published to a package index yet" in README
    installs = [command for command in COMMANDS if command.startswith("pip")]
    assert installs == ["pipx install '.[server]'", "pipx install uv"]
    assert not re.search(r"install '?mcp-ambassador", README)


def test_what_it_does_step_by_step_is_what_the_server_takes(rig: Rig) -> None:
    init, serve = (command for command in of("ambassador-server") if "quickstart" not in command)
    rig.run(*shlex.split(init.replace("./", f"{rig.directory}/")))
    (settings,) = re.findall(r"where `other.yaml` is\n\n```yaml\n(.*?)```", README, re.DOTALL)
    (rig.directory / "other.yaml").write_text(settings.replace("./", f"{rig.directory}/"))
    program, command, *words = shlex.split(serve.replace("./", f"{rig.directory}/"))
    assert (program, command) == ("ambassador-server", "serve")
    other = OtherRig(rig.directory, is_preloaded=True, server_flags=tuple(words))
    other.start()
    assert other.stop() == 0


def test_every_make_target_it_names_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= set(targets)


def test_every_file_it_names_exists() -> None:
    named = re.findall(r"`((?:docs/)?[\w./-]+\.md)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
