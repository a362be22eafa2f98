"""Names that only a server knows, completed by the shells themselves with the real program behind them."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import PROGRAM, Shell
from tests.documents.build import ROOT
from tests.documents.programs import programs

BASH = shutil.which("bash")
FISH = shutil.which("fish")

needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")
needs_fish = pytest.mark.skipif(FISH is None, reason="fish is not installed")

# The program itself, but with time: how long a busy machine takes to answer is not what is tested here.
PATIENT = f"""#!{sys.executable}
from ambassador_admin.__main__ import main
from ambassador_admin.completion import command

command._SECONDS = 60
main()
"""
OFFERED = [
    ("user show al", ["alan", "alice"]),
    ("user show alice ", []),
    ("user create al", []),
    ("group add-member developers b", ["bob"]),
    ("group add-member dev", ["developers"]),
    ("grant add developers g", ["git"]),
    ("kill mcp ", ["git"]),
    ("kill lift sw", ["switch-1"]),
    ("key revoke ", ["key-1"]),
    ("key list --user al", ["alan", "alice"]),
    ("--context p", ["prod"]),
    ("context use ", ["prod"]),
    ("--context prod user show bo", ["bob"]),
    ("--server http://localhost:1 user show al", []),
    ("--context nowhere user show al", []),
    ("user show $(id", []),
]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A home that knows a server with some names, some of them hostile."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    with FakeApi().serving() as api:
        for name in ("alice", "alan", "bob", "al;touch hostile", "al$(touch${IFS}hostile)", "-al"):
            api.add_user(name)
        api.add_group("developers")
        api.add_mcp("git", ("git_log", "read-only"))
        api.add_key("key-1", user="alice", name="desktop")
        api.add_switch("switch-1", scope="tool", target="git.git_push", reason="leaked")
        program = tmp_path / "bin" / "ambassador-admin"
        program.parent.mkdir()
        program.write_text(PATIENT)
        program.chmod(0o700)
        home = Shell(tmp_path)
        home.log_in("prod", api.url)
        home.environ |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(program.parent)}
        yield home


def bash(shell: Shell, line: str) -> list[str]:
    assert BASH is not None
    words = [word for word in re.split(r"([=:]+)|\s+", f"ambassador-admin {line}") if word is not None]
    script = """
        source "$SCRIPT"; compopt() { :; }
        COMP_LINE="ambassador-admin $LINE" COMP_POINT=${#COMP_LINE} COMP_CWORD=$(( $# - 1 )) COMP_WORDS=("$@")
        _ambassador_admin ambassador-admin "" ""
        printf "%s\\n" "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        [BASH, "--norc", "--noprofile", "-c", script, "bash", *words],
        env={**shell.environ, "SCRIPT": str(ROOT / "completions/ambassador-admin.bash"), "LINE": line},
        cwd=shell.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@needs_bash
@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_bash_offers_the_names_a_server_knows(shell: Shell, line: str, offered: list[str]) -> None:
    assert bash(shell, line) == offered
    assert not (shell.home / "hostile").exists()


@needs_bash
def test_bash_says_nothing_when_the_server_is_down(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        home = Shell(tmp_path).at(f"http://127.0.0.1:{unused.getsockname()[1]}")
        home.environ |= {"PATH": str(PROGRAM.parent)}
        assert bash(home, "user show ") == []


@needs_fish
@pytest.mark.parametrize(("line", "offered"), [each for each in OFFERED if each[1]])
def test_fish_offers_the_names_a_server_knows(shell: Shell, line: str, offered: list[str]) -> None:
    assert FISH is not None
    script = f"source {ROOT}/completions/ambassador-admin.fish; complete -C 'ambassador-admin {line}'"
    done = subprocess.run(
        [FISH, "--no-config", "-c", script],
        env=shell.environ,
        cwd=shell.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert set(offered) <= {found.split("\t")[0] for found in done.stdout.splitlines()}


def test_every_name_of_something_that_exists_says_of_what_kind_it_is() -> None:
    (admin,) = (each for each in programs() if each.name == "ambassador-admin")
    silent = [
        (leaf.words, argument.metavar)
        for leaf in admin.root.leaves()
        for argument in leaf.arguments
        if argument.metavar in {"USER", "GROUP", "MCP", "KEY", "SESSION", "ID"} and not argument.live
    ]
    assert silent == []
