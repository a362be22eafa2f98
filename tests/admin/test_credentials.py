"""Storage of secrets with a keyring, without one, and with one that fails."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from ambassador_client.account.atomic_files import write_private_file
from ambassador_client.account.credentials import CredentialStore, lacks_keyring
from ambassador_client.errors import SettingsError


class MemoryKeyring(KeyringBackend):
    """A keyring in memory that can be locked."""

    priority = 5.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the library has no types for it
        self.secrets: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.secrets[service, username]

    def _open(self) -> None:
        if self.is_locked:
            raise KeyringLocked("locked")


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return CredentialStore(tmp_path / "deep" / "directory")


def _files(store: CredentialStore, tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "deep" / "directory").glob("*"))


def test_without_a_keyring_a_secret_is_a_private_file(store: CredentialStore, tmp_path: Path) -> None:
    assert store.get("a") is None
    place = store.put("a", "s3cret")
    path = tmp_path / "deep" / "directory" / "a.secret"
    assert place == store.describe("a") == f"file {path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert store.get("a") == "s3cret"
    assert (store.delete("a"), store.delete("a"), store.get("a")) == (True, False, None)


def test_a_second_write_replaces_the_file_atomically(store: CredentialStore, tmp_path: Path) -> None:
    store.put("a", "one")
    path = tmp_path / "deep" / "directory" / "a.secret"
    path.chmod(0o644)
    with path.open() as opened_before:
        store.put("a", "two")
        assert opened_before.read() == "one"
    assert store.get("a") == "two"
    assert _files(store, tmp_path) == ["a.secret"]


def test_with_a_keyring_no_file_is_written(
    store: CredentialStore, tmp_path: Path, ring: MemoryKeyring
) -> None:
    assert store.put("a", "s3cret").startswith("system keyring (")
    assert store.describe("a").startswith("system keyring (")
    assert _files(store, tmp_path) == []
    assert (store.get("a"), store.get("b")) == ("s3cret", None)
    assert (store.delete("a"), store.delete("a"), ring.secrets) == (True, False, {})


def test_a_secret_is_stored_in_one_place_only(
    store: CredentialStore, tmp_path: Path, ring: MemoryKeyring
) -> None:
    ring.is_locked = True
    store.put("a", "in a file")
    ring.is_locked = False
    store.put("a", "in the keyring")
    assert (_files(store, tmp_path), store.get("a")) == ([], "in the keyring")


def test_a_locked_keyring_is_replaced_by_a_file_when_writing_and_an_error_when_reading(
    store: CredentialStore, ring: MemoryKeyring
) -> None:
    ring.is_locked = True
    with pytest.raises(SettingsError, match="the keyring cannot be opened"):
        store.get("a")
    assert store.put("a", "x").startswith("file ")
    assert store.get("a") == "x"


def test_a_file_written_without_the_library_takes_precedence_over_a_keyring(
    store: CredentialStore, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", "in the keyring")
    assert not lacks_keyring()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "keyring", None)
        assert lacks_keyring()
        assert (store.get("a"), store.delete("a")) == (None, False)
        assert store.put("a", "in a file") == store.describe("a")
        assert store.get("a") == "in a file"
    assert store.get("a") == "in a file"
    assert store.put("a", "in the keyring again").startswith("system keyring (")
    assert store.get("a") == "in the keyring again"


def test_names_are_safe_file_names(store: CredentialStore, tmp_path: Path) -> None:
    for name in ("../up", "/etc/passwd", "a b", "https://host:9443"):
        store.put(name, name)
        assert store.get(name) == name
    assert len(_files(store, tmp_path)) == 4


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_file_that_others_can_read_is_refused(store: CredentialStore, tmp_path: Path, mode: int) -> None:
    store.put("a", "x")
    (tmp_path / "deep" / "directory" / "a.secret").chmod(mode)
    with pytest.raises(SettingsError, match="other users can read"):
        store.get("a")


def test_other_than_a_regular_file_is_refused_without_blocking(
    store: CredentialStore, tmp_path: Path
) -> None:
    directory = tmp_path / "deep" / "directory"
    directory.mkdir(parents=True)
    os.mkfifo(directory / "pipe.secret", 0o600)
    (tmp_path / "target").write_text("x")
    (directory / "link.secret").symlink_to(tmp_path / "target")
    (directory / "directory.secret").mkdir()
    for name in ("pipe", "link", "directory"):
        with pytest.raises(SettingsError):
            store.get(name)


def test_binary_file_is_refused(store: CredentialStore, tmp_path: Path) -> None:
    store.put("a", "x")
    (tmp_path / "deep" / "directory" / "a.secret").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not text"):
        store.get("a")


def test_failed_write_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(SettingsError):
        write_private_file(tmp_path / "taken", "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        write_private_file(tmp_path / "file" / "below", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]
