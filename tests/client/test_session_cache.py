"""The session cache: a session is reused by one process at a time and only by the same identity."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ambassador_client.account import session_cache
from ambassador_client.account.session_cache import Slot, SlotOwner
from ambassador_protocol.sessions import RegisterResponse

URL = "https://a:8443"
ME = SlotOwner(key="amb_pk_1", friendly_name="me", host_tool="cli")
GRANTED = RegisterResponse(
    session_id="s",
    session_token="amb_st_secret",
    expires_at="2999-01-01T00:00:00.000Z",
    profile_id="p",
    connection_id="c",
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def test_a_session_is_found_by_the_next_owner(tmp_path: Path):
    slot = Slot.claim(tmp_path / "s", URL, ME)
    assert slot.load() is None
    slot.store(GRANTED)
    slot.release()
    assert Slot.claim(tmp_path / "s", URL, ME).load() == GRANTED


def test_a_slot_has_one_owner(tmp_path: Path):
    first = Slot.claim(tmp_path / "s", URL, ME)
    first.store(GRANTED)
    second = Slot.claim(tmp_path / "s", URL, ME)
    assert second.load() is None
    second.store(replace(GRANTED, session_id="second"))
    first.release()
    assert Slot.claim(tmp_path / "s", URL, ME).load() == GRANTED


def test_a_killed_process_releases_its_slot(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from tests.client.test_session_cache import *;"
        "Slot.claim(Path(sys.argv[1]), URL, ME).store(GRANTED); import os; os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")], check=False, cwd=Path(__file__).parents[2]
    )
    assert Slot.claim(tmp_path / "s", URL, ME).load() == GRANTED


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("https://b:8443", ME),
        (URL, ME._replace(key="amb_pk_2")),
        (URL, ME._replace(friendly_name="other")),
        (URL, ME._replace(host_tool="zed")),
    ],
)
def test_a_session_is_not_found_by_another_identity(tmp_path: Path, url: str, identity: SlotOwner):
    slot = Slot.claim(tmp_path / "s", URL, ME)
    slot.store(GRANTED)
    slot.release()
    assert Slot.claim(tmp_path / "s", url, identity).load() is None


def test_a_shorter_session_overwrites_a_longer_one(tmp_path: Path):
    slot = Slot.claim(tmp_path / "s", URL, ME)
    slot.store(replace(GRANTED, profile_id="p" * 1000))
    slot.store(GRANTED)
    assert slot.load() == GRANTED
    slot.clear()
    assert slot.load() is None
    assert [path.read_bytes() for path in (tmp_path / "s").iterdir()] == [b""]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "null",
        "{}",
        json.dumps({"session_token": "only"}),
        '{"a":' * 10_000,
        json.dumps(
            {name: getattr(GRANTED, name) for name in GRANTED.__slots__} | {"session_token": "a\r\nX: 1"}
        ),
        json.dumps({name: getattr(GRANTED, name) for name in GRANTED.__slots__} | {"session_token": 5}),
        json.dumps(
            {name: getattr(GRANTED, name) for name in GRANTED.__slots__}
            | {"expires_at": "2001-01-01T00:00:00Z"}
        ),
        json.dumps(
            {name: getattr(GRANTED, name) for name in GRANTED.__slots__} | {"expires_at": "2999-01-01"}
        ),
    ],
)
def test_unusable_content_is_not_a_session(tmp_path: Path, content: str):
    slot = Slot.claim(tmp_path / "s", URL, ME)
    slot.store(GRANTED)
    next((tmp_path / "s").iterdir()).write_text(content)
    assert slot.load() is None


@posix
def test_only_the_owner_can_read_the_cache(tmp_path: Path):
    Slot.claim(tmp_path / "s", URL, ME).store(GRANTED)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    file = next((tmp_path / "s").iterdir())
    assert file.stat().st_mode & 0o777 == 0o600
    assert "amb_pk" not in file.name


@posix
def test_a_directory_readable_by_others_is_not_used(tmp_path: Path):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    slot = Slot.claim(open_to_all, URL, ME)
    slot.store(GRANTED)
    assert slot.load() is None
    assert list(open_to_all.iterdir()) == []


@posix
def test_links_in_place_of_directory_or_file_are_not_followed(tmp_path: Path):
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    Slot.claim(tmp_path / "link", URL, ME).store(GRANTED)
    assert list(real.iterdir()) == []
    Slot.claim(tmp_path / "s", URL, ME).release()
    for path in (tmp_path / "s").iterdir():
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    Slot.claim(tmp_path / "s", URL, ME).store(GRANTED)
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_directory_the_cache_is_disabled(tmp_path: Path):
    (tmp_path / "file").write_text("")
    slot = Slot.claim(tmp_path / "file" / "s", URL, ME)
    slot.store(GRANTED)
    assert slot.load() is None
    slot.clear()
    slot.release()


def test_claim_all_locks_free_slots_and_counts_used_ones(tmp_path: Path):
    in_use = Slot.claim(tmp_path / "s", URL, ME)
    for other in (ME._replace(host_tool="zed"), ME._replace(key="amb_pk_2")):
        slot = Slot.claim(tmp_path / "s", URL, other)
        slot.store(GRANTED)
        slot.release()
    free, held = Slot.claim_all(tmp_path / "s", URL, ME.key)
    assert ([slot.load() for slot in free], held) == ([GRANTED], 1)
    in_use.release()


class OwnLocks:
    """Emulates the locks of msvcrt: a byte belongs to one descriptor."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (self.LK_NBLCK, 1)
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        if self.held.setdefault(place, descriptor) != descriptor:
            raise OSError(36, "resource deadlock avoided")


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_windows_locks_a_byte_after_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    locks = OwnLocks()
    monkeypatch.setitem(sys.modules, "msvcrt", locks)
    path = tmp_path / "session"
    first = session_cache._lock(path, "win32")
    assert first is not None
    slot = Slot(first)
    slot.store(GRANTED)
    assert [offset for _, offset in locks.held] == [1 << 30]
    assert slot.load() == GRANTED
    assert path.stat().st_size < 1000
    before = len(os.listdir("/proc/self/fd"))
    assert session_cache._lock(path, "win32") is None
    assert len(os.listdir("/proc/self/fd")) == before
    slot.release()
