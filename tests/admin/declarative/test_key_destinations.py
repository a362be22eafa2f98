"""Keys are delivered to files or a command; unusable destinations are refused before a key is issued."""

import os
import signal
import stat
from pathlib import Path

import pytest

from ambassador_admin.declarative.key_destinations import KeyCommand, KeyFiles, interrupts_deferred
from ambassador_admin.errors import AdminError, UsageError


def test_two_keys_with_the_same_file_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="have the same file name"):
        KeyFiles(tmp_path).prepare([("a.b", "c"), ("a", "b.c")])


def test_a_key_replaces_the_file_of_an_earlier_key(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    files.prepare([("alice", "ci")])
    files.deliver("alice", "ci", "first")
    files.deliver("alice", "ci", "second")
    (path,) = (tmp_path / "keys").iterdir()
    assert (path.name, path.read_text()) == ("alice.ci.key", "second\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_instead_of_a_directory_is_refused_before_a_key_is_issued(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdminError, match="cannot be written"):
        KeyFiles(tmp_path / "file").prepare([("alice", "ci")])


@pytest.mark.parametrize("command", ["", "no-such-program-anywhere", "'unbalanced"])
def test_a_command_that_cannot_run_is_refused_before_a_key_is_issued(command: str) -> None:
    with pytest.raises(UsageError, match="--keys-command"):
        KeyCommand(command, os.environ).prepare([("alice", "ci")])


def test_an_interrupt_is_deferred_until_the_key_is_delivered() -> None:
    done: list[str] = []

    def issue() -> None:
        with interrupts_deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("delivered")

    with pytest.raises(KeyboardInterrupt):
        issue()
    assert done == ["delivered"]
