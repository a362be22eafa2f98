"""The directory of one writer, locked for one process."""

import fcntl
import os
import re
from pathlib import Path
from typing import Self

from ambassador_protocol.audit.files import segment_numbers
from ambassador_server.errors import ConfigurationError

_WRITER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class WriterDirectory:
    """A writer's directory, locked for this process until `close`; every method may raise OSError."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd

    @classmethod
    def lock(cls, audit_directory: Path, writer: str) -> Self:
        """Create the directory if it is missing and lock it; raises ConfigurationError when another process has it."""
        if _WRITER.fullmatch(writer) is None:
            raise ConfigurationError(
                f"{writer!r} cannot name an audit writer: letters, digits, '.', '_' and '-', at most 100."
            )
        path = audit_directory / writer
        return cls(path, _open_locked(path))

    def reclaim(self) -> None:
        """Create and lock the directory again if it was deleted or moved."""
        try:
            if os.path.samestat(os.stat(self.path), os.fstat(self.fd)):
                return
        except FileNotFoundError:
            pass
        fd = _open_locked(self.path)
        os.close(self.fd)
        self.fd = fd

    def numbers(self) -> list[int]:
        """Return the numbers of its segments, in order."""
        return segment_numbers(self.path)

    def sync(self) -> None:
        """Force the names in the directory to the disk."""
        os.fsync(self.fd)

    def close(self) -> None:
        """Release the lock."""
        os.close(self.fd)


def _open_locked(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        if not path.is_symlink():
            raise
        raise ConfigurationError(
            f"{path} is a symbolic link, so its log could be exchanged without a trace.",
            hint="Find out who made it; put the directory itself in its place.",
        ) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConfigurationError(
            f"Another server writes to {path}.",
            hint="Stop it, or give each server an audit writer name of its own.",
        ) from None
    except OSError:
        os.close(fd)
        raise
    return fd
