"""Key files are created once, stay private, and are never replaced silently."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import pytest

from ambassador_server.crypto.key_ring import (
    KeyRing,
    KeySources,
    add_audit_key,
    add_session_key,
    add_vault_key,
    audit_keys_in,
    create_first_vault_key,
    load_or_create,
    vault_keys_in,
)
from ambassador_server.errors import ConfigurationError
from tests.patience import PATIENCE

KEY = bytes(range(32))
ENCODED = base64.b64encode(KEY).decode()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys"


def test_first_start_creates_keys_that_later_starts_read(directory: Path):
    ring = load_or_create(directory)
    assert len(ring.pepper) == len(ring.session_keys[1]) == 32
    assert ring.pepper != ring.session_keys[1]
    assert load_or_create(directory) == ring
    assert load_or_create(directory.with_name("others")) != ring


def test_only_the_owner_may_read_the_files_and_no_partial_file_is_left(directory: Path):
    old = os.umask(0)
    try:
        load_or_create(directory)
    finally:
        os.umask(old)
    assert S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name: S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {
        "audit-1": 0o600,
        "pepper": 0o600,
        "session-1": 0o600,
    }


@pytest.mark.parametrize(("name", "wide", "narrow"), [("pepper", 0o640, "600"), (".", 0o755, "700")])
def test_shared_file_is_refused_with_the_command_that_mends_it(
    directory: Path, name: str, wide: int, narrow: str
):
    load_or_create(directory)
    path = directory / name
    path.chmod(wide)
    with pytest.raises(ConfigurationError, match="can be read by others") as caught:
        load_or_create(directory)
    assert caught.value.hint == f"Run: chmod {narrow} {path}"
    path.chmod(int(narrow, 8))
    load_or_create(directory)


def test_link_in_place_of_a_key_is_refused(directory: Path, tmp_path: Path):
    load_or_create(directory)
    (directory / "pepper").rename(tmp_path / "elsewhere")
    (directory / "pepper").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="Cannot use the keys"):
        load_or_create(directory)


def test_missing_pepper_is_never_replaced(directory: Path):
    load_or_create(directory)
    (directory / "pepper").unlink()
    with pytest.raises(ConfigurationError, match="pepper is missing") as caught:
        load_or_create(directory)
    assert caught.value.hint is not None
    assert not (directory / "pepper").exists()


@pytest.mark.parametrize(
    "content", [b"", b"short", b"not base64 at all!", base64.b64encode(b"x" * 31), b"\xff" * 50]
)
def test_damaged_key_is_refused_without_showing_it(directory: Path, content: bytes):
    load_or_create(directory)
    (directory / "session-1").write_bytes(content)
    with pytest.raises(ConfigurationError, match="session-1 does not hold a key") as caught:
        load_or_create(directory)
    assert "short" not in str(caught.value.args)


def test_partial_file_of_an_interrupted_start_is_replaced(directory: Path):
    directory.mkdir(mode=0o700, parents=True)
    (directory / ".pepper.new").write_bytes(b"half")
    ring = load_or_create(directory)
    assert len(ring.pepper) == 32
    assert not (directory / ".pepper.new").exists()


def test_directory_that_cannot_be_created_is_a_configuration_error(tmp_path: Path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigurationError, match="Cannot use the keys"):
        load_or_create(tmp_path / "data" / "keys")


def test_servers_that_start_together_have_the_same_keys(directory: Path):
    code = f"""
from pathlib import Path
from ambassador_server.crypto.key_ring import load_or_create
ring = load_or_create(Path({str(directory)!r}))
print(ring.pepper.hex(), ring.session_keys[1].hex())
"""
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    printed = {child.communicate(timeout=PATIENCE)[0] for child in children}
    assert {child.returncode for child in children} == {0}
    assert len(printed) == 1
    assert printed != {b""}


def test_added_session_key_signs_and_older_ones_stay(directory: Path):
    first = load_or_create(directory)
    assert add_session_key(directory) == 2
    second = load_or_create(directory)
    assert second.signing_number == 2
    assert second.session_keys[1] == first.session_keys[1]
    assert second.pepper == first.pepper
    (directory / "session-1").unlink()
    assert list(load_or_create(directory).session_keys) == [2]
    assert add_session_key(directory) == 3


def test_added_audit_key_is_read_beside_the_older_one(directory: Path):
    assert audit_keys_in(directory) == {}
    first = load_or_create(directory)
    assert add_audit_key(directory) == 2
    found = audit_keys_in(directory)
    assert (list(found), found[1]) == ([1, 2], first.audit_keys[1])
    assert load_or_create(directory).audit_keys == found


def test_master_keys_are_numbered_and_never_created_by_reading(directory: Path):
    assert vault_keys_in(directory) == {}
    create_first_vault_key(directory)
    first = vault_keys_in(directory)
    assert list(first) == [1]
    create_first_vault_key(directory)
    assert vault_keys_in(directory) == first
    assert add_vault_key(directory) == 2
    assert add_vault_key(directory, above=6) == 7
    assert list(vault_keys_in(directory)) == [1, 2, 7]
    assert vault_keys_in(directory)[1] == first[1]
    assert S_IMODE((directory / "vault-7").stat().st_mode) == 0o600


def test_number_of_a_lost_master_key_is_not_given_again(directory: Path):
    create_first_vault_key(directory, above=3)
    assert list(vault_keys_in(directory)) == [4]


def test_master_keys_can_come_from_references(directory: Path, monkeypatch: pytest.MonkeyPatch):
    create_first_vault_key(directory)
    monkeypatch.setenv("VAULT_3", ENCODED)
    assert vault_keys_in(directory, KeySources(vault_keys={3: "env://VAULT_3"})) == {3: KEY}
    assert list(vault_keys_in(directory, KeySources(pepper="env://VAULT_3"))) == [1]


def test_master_key_that_others_can_read_is_refused(directory: Path):
    create_first_vault_key(directory)
    (directory / "vault-1").chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others") as caught:
        vault_keys_in(directory)
    assert "chmod 600" in (caught.value.hint or "")


def test_keys_can_come_from_environment_and_files(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mounted").write_text(f"{ENCODED}\n")
    mounted = f"file://{tmp_path / 'mounted'}"
    sources = KeySources(pepper="env://PEPPER", session_keys={7: mounted}, audit_keys={3: mounted})
    monkeypatch.setenv("PEPPER", base64.urlsafe_b64encode(b"\xfb" * 40).decode())
    ring = load_or_create(directory, sources)
    assert ring == KeyRing(b"\xfb" * 40, {7: KEY}, {3: KEY})
    assert ring.signing_number == 7
    assert not directory.exists()


def test_key_without_a_source_comes_from_the_directory(directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PEPPER", ENCODED)
    ring = load_or_create(directory, KeySources(pepper="env://PEPPER"))
    assert ring.pepper == KEY
    assert sorted(path.name for path in directory.iterdir()) == ["audit-1", "session-1"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("env://MISSING", "env://MISSING is not set"),
        ("env://WEAK", "env://WEAK does not hold a key"),
        ("file:///nowhere/at/all", "cannot be read"),
        (ENCODED, "never in the configuration itself"),
        (f"vault://{ENCODED}", "'vault://' is not a known scheme of secrets"),
    ],
)
def test_unusable_source_is_named(
    directory: Path, source: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WEAK", "c2hvcnQ=")
    monkeypatch.delenv("MISSING", raising=False)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_or_create(directory, KeySources(pepper=source))
    assert ENCODED not in caught.value.message


def test_session_key_number_must_fit_a_token(directory: Path):
    with pytest.raises(ConfigurationError, match="cannot have number 70000"):
        load_or_create(directory, KeySources(session_keys={70_000: "env://K"}))


def test_repr_of_a_key_ring_holds_no_key():
    assert repr(KeyRing(KEY, {1: KEY}, {1: KEY})) == "KeyRing()"
