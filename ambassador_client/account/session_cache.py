"""The cached session: a token that the next process may take over, and never two processes at once.

Every process holds one slot, a file it has locked for as long as it lives. A process that was killed leaves its
session in its slot, and whoever claims the slot next goes on with it; a clean end leaves the slot empty.
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
from ambassador_protocol.sessions import RegisterResponse

_SLOTS = 32
_MAX_BYTES = 1 << 14
_MARGIN_SECONDS = 60
_LOCKED_BYTE = 1 << 30  # on Windows; far behind the content, which stays readable
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


class SlotOwner(NamedTuple):
    """Whose session: `key` names the preshared key, or is it; no other holder comes by this one's session."""

    key: str
    friendly_name: str
    host_tool: str


def sessions_directory() -> Path:
    """Return where the slots of this user are."""
    return runtime_directory() / "sessions"


class Slot:
    """A place for one session; without a file it remembers nothing, and everything else works."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @classmethod
    def claim(cls, directory: Path, server_url: str, holder: SlotOwner) -> "Slot":
        """Lock the first free slot of this identity at this server, in a directory of the user alone."""
        try:
            _make_private(directory)
            for path in _paths(directory, server_url, holder):
                if (descriptor := _lock(path)) is not None:
                    return cls(descriptor)
        except OSError:
            pass  # no cache is a lost convenience, never a reason not to work
        return cls()

    @classmethod
    def claim_all(cls, directory: Path, server_url: str, key: str) -> tuple[list["Slot"], int]:
        """Lock every free slot of this key, and count those that a process holds."""
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
        """Return the session the last holder left, unless it is about to expire."""
        if self._descriptor is None:
            return None
        try:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            registration = RegisterResponse(**json.loads(os.read(self._descriptor, _MAX_BYTES)))
            return (
                registration
                if _is_unexpired(registration.expires_at) and _is_token(registration.session_token)
                else None
            )
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def store(self, registration: RegisterResponse) -> None:
        """Remember the session in place of the one before."""
        members = {name: getattr(registration, name) for name in RegisterResponse.__slots__}
        self._write(json.dumps(members).encode())

    def clear(self) -> None:
        """Forget the session."""
        self._write(b"")

    def release(self) -> None:
        """Let another process have the slot, with what is in it."""
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
    # Times of one form in one zone sort as text, and the module that knows dates takes half a megabyte.
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + _MARGIN_SECONDS))
    return _UTC_TIME.fullmatch(expires_at) is not None and expires_at > soon


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value


def _paths(directory: Path, server_url: str, holder: SlotOwner) -> Iterator[Path]:
    owner, name = _digest(server_url, holder.key), _digest(holder.friendly_name, holder.host_tool)
    return (directory / f"session-{owner}-{name}-{number}.json" for number in range(_SLOTS))


def _digest(*members: str) -> str:
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:24]


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{directory} is open to other users")


def _lock(path: Path, platform: str = sys.platform) -> int | None:
    """Open the file and lock it for as long as it is open; None when another process has it. Raises OSError."""
    kind = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | kind, 0o600)
    try:
        (_lock_on_windows if platform == "win32" else _lock_on_posix)(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lock_on_posix(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415 - is not there on Windows

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined, unused-ignore]


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt  # noqa: PLC0415 - is there on Windows alone

    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
