"""Caches the session token, so that the next process can continue the session of a killed one.

Each process locks one slot, a file, for its lifetime, so that two processes never share a session. A killed process
leaves its session in the slot for the next process that claims it; a clean exit empties the slot.
"""

import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ambassador_client.account.paths import runtime_directory
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.sessions import RegisterResponse

_SLOTS = 32
_MAX_BYTES = 1 << 14
_MARGIN_SECONDS = 60
_LOCKED_BYTE = 1 << 30  # on Windows; behind the content, so that it stays readable
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


class SlotOwner(NamedTuple):
    """The identity a session belongs to; `key` is the label of the preshared key, or the key itself."""

    key: str
    friendly_name: str
    host_tool: str


def sessions_directory() -> Path:
    """Return the directory of this user's slots."""
    return runtime_directory() / "sessions"


class Slot:
    """A locked file for one session; without a file it stores nothing."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @classmethod
    def claim(cls, directory: Path, server_url: str, owner: SlotOwner) -> "Slot":
        """Lock the first free slot of this identity and server; creates the private directory."""
        try:
            _make_private(directory)
            for path in _paths(directory, server_url, owner):
                if (descriptor := _lock(path)) is not None:
                    return cls(descriptor)
        except OSError:
            pass  # the client works without a cache
        return cls()

    @classmethod
    def claim_all(cls, directory: Path, server_url: str, key: str) -> tuple[list["Slot"], int]:
        """Lock every free slot of this server and key; return them and the number of slots in use."""
        free: list[Slot] = []
        held = 0
        with suppress(OSError):
            _make_private(directory)
            for path in sorted(directory.glob(f"session-{_digest(server_url, key)}-*.json")):
                descriptor = _lock(path)
                held += descriptor is None
                free += [] if descriptor is None else [cls(descriptor)]
        return free, held

    def load(self) -> RegisterResponse | None:
        """Return the session in the slot, or None if there is none or it expires soon."""
        if self._descriptor is None:
            return None
        try:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            registration = RegisterResponse(**parse_object(os.read(self._descriptor, _MAX_BYTES)))
            return (
                registration
                if _is_unexpired(registration.expires_at) and _is_token(registration.session_token)
                else None
            )
        except (OSError, ValueError, TypeError):
            return None

    def store(self, registration: RegisterResponse) -> None:
        """Write the session to the slot."""
        members = {name: getattr(registration, name) for name in RegisterResponse.__slots__}
        self._write(json.dumps(members).encode())

    def clear(self) -> None:
        """Empty the slot."""
        self._write(b"")

    def release(self) -> None:
        """Unlock the slot; its content stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, content: bytes) -> None:
        if self._descriptor is None:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, content)


def _is_unexpired(expires_at: str) -> bool:
    # ISO times in UTC compare as text; importing datetime would cost half a megabyte.
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + _MARGIN_SECONDS))
    return _UTC_TIME.fullmatch(expires_at) is not None and expires_at > soon


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value


def _paths(directory: Path, server_url: str, owner: SlotOwner) -> Iterator[Path]:
    key, name = _digest(server_url, owner.key), _digest(owner.friendly_name, owner.host_tool)
    return (directory / f"session-{key}-{name}-{number}.json" for number in range(_SLOTS))


def _digest(*members: str) -> str:
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:24]


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{directory} is open to other users")


def _lock(path: Path, platform: str = sys.platform) -> int | None:
    """Open and lock the file; return None if another process has locked it. Raises OSError."""
    kind = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | kind, 0o600)
    try:
        (_lock_on_windows if platform == "win32" else _lock_on_posix)(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lock_on_posix(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415 - not on Windows

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined, unused-ignore]


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt  # noqa: PLC0415 - Windows only

    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
