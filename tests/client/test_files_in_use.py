"""Files that another program has open, which Windows refuses to replace or delete."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_admin.context.store import ContextStore
from ambassador_admin.declarative.key_destinations import KeyFiles
from ambassador_admin.errors import AdminError
from ambassador_client.account import atomic_files
from ambassador_client.account.account_store import Account, AccountStore
from ambassador_client.account.atomic_files import put_file, remove_file
from ambassador_client.errors import ClientError
from ambassador_client.hosts.installing.host_file import read_host_file, replace_host_file

SHARING_VIOLATION = 32


class Windows:
    """Makes file operations fail as on Windows while another program has the file open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refusals = 0
        self.winerror: int | None = SHARING_VIOLATION
        self.tries = 0
        self.waited = 0.0
        real_replace, real_unlink = os.replace, Path.unlink
        monkeypatch.setattr(os, "replace", self._guarded(real_replace))
        monkeypatch.setattr(Path, "unlink", self._guarded(real_unlink))
        monkeypatch.setattr(atomic_files.time, "sleep", self._wait)

    def _guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: object, **options: object) -> None:
            self.tries += 1
            if self.tries <= self.refusals:
                error = PermissionError(errno.EACCES, "The file is being used by another process")
                if self.winerror is not None:
                    error.winerror = self.winerror  # type: ignore[attr-defined]
                raise error
            act(*arguments, **options)

        return guarded

    def _wait(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Windows:
    # tmp_path is requested so that it is created before the calls are replaced.
    return Windows(monkeypatch)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_replacement_is_retried_while_the_file_is_in_use(windows: Windows, winerror: int, tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("old")
    windows.refusals, windows.winerror = 2, winerror
    put_file(file, b"new")
    assert (file.read_text(), names(tmp_path), windows.tries) == ("new", ["file"], 3)
    windows.tries = 0
    assert remove_file(file)
    assert (names(tmp_path), windows.tries) == ([], 3)
    assert not remove_file(file)


def test_replacement_fails_if_the_file_stays_in_use(windows: Windows, tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("old")
    windows.refusals = 1000
    with pytest.raises(PermissionError, match="used by another process"):
        put_file(file, b"new")
    assert (file.read_text(), names(tmp_path)) == ("old", ["file"])
    assert 1 < windows.waited < 2
    with pytest.raises(PermissionError):
        remove_file(file)
    assert file.read_text() == "old"


def test_a_permanent_refusal_is_not_retried(windows: Windows, tmp_path: Path):
    windows.refusals, windows.winerror = 1000, None
    with pytest.raises(PermissionError):
        put_file(tmp_path / "file", b"new")
    assert (windows.tries, windows.waited, names(tmp_path)) == (1, 0, [])


def _host(file: Path, text: str) -> None:
    replace_host_file(read_host_file(file), text.encode())


def _account(file: Path, text: str) -> None:
    AccountStore(file.parent).save(Account(name=text, server="https://ambassador.example.com"))


def _context(file: Path, text: str) -> None:
    ContextStore(file.parent).save(name=text, server="https://ambassador.example.com", ca_pem=None)


def _key(file: Path, text: str) -> None:
    KeyFiles(file.parent).deliver("alice", "laptop", text)


WRITERS = pytest.mark.parametrize(
    ("write", "name"),
    [
        (_host, "mcp.json"),
        (_account, "accounts.json"),
        (_context, "contexts.json"),
        (_key, "alice.laptop.key"),
    ],
)


@WRITERS
def test_every_writer_retries(
    write: Callable[[Path, str], None], name: str, windows: Windows, tmp_path: Path
):
    file = tmp_path / name
    write(file, "first")
    windows.tries, windows.refusals = 0, 2
    write(file, "second")
    assert "second" in file.read_text()
    assert names(tmp_path) == [name]
    assert file.stat().st_mode & 0o777 == 0o600


@WRITERS
def test_a_failed_write_leaves_the_old_file(
    write: Callable[[Path, str], None], name: str, windows: Windows, tmp_path: Path
):
    file = tmp_path / name
    write(file, "first")
    before = file.read_bytes()
    windows.tries, windows.refusals = 0, 1000
    with pytest.raises((ClientError, AdminError), match="used by another process"):
        write(file, "second")
    assert (file.read_bytes(), names(tmp_path)) == (before, [name])


def test_a_host_file_keeps_its_mode_and_its_link(windows: Windows, tmp_path: Path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o644)
    link.symlink_to(real)
    windows.refusals = 2
    replace_host_file(read_host_file(link), b"new")
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, "new", 0o644)


def test_a_secret_is_not_written_through_a_link(tmp_path: Path):
    other, link = tmp_path / "other", tmp_path / "accounts.json"
    other.write_text("theirs")
    link.symlink_to(other)
    atomic_files.write_private_file(link, "secret")
    assert (link.is_symlink(), other.read_text(), link.stat().st_mode & 0o777) == (False, "theirs", 0o600)
