"""Reads and writes files that only the server's own user may read; one that others can read is refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISDIR

from ambassador_server.errors import ConfigurationError

_MAX_BYTES = 64 * 1024
ANY_ACCESS = 0o077
WRITE_ACCESS = 0o022


@contextmanager
def private_directory(path: Path, *, refuse: int = ANY_ACCESS) -> Iterator[None]:
    """Create the directory if it is missing and lock it while the block runs; raises OSError, ConfigurationError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        refuse_if_shared(os.fstat(directory), path, refuse)
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def read_private(path: Path, *, refuse: int = ANY_ACCESS) -> bytes | None:
    """Return the content, None when there is no such file; raises OSError, ConfigurationError when it is shared."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        refuse_if_shared(os.fstat(descriptor), path, refuse)
        return file.read(_MAX_BYTES)


def write_private(path: Path, content: bytes) -> None:
    """Replace the file at once and force it to the disk; the caller has locked the directory. Raises OSError."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def refuse_if_shared(status: os.stat_result, path: Path, refuse: int) -> None:
    """Raise ConfigurationError with a command that mends it when another user owns the path or has this access."""
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(
            f"{path} belongs to another user.",
            hint=f"Make sure of its content, then run: chown {os.geteuid()} {path}",
        )
    if S_IMODE(status.st_mode) & refuse:
        others_may = "read" if refuse == ANY_ACCESS else "changed"
        mode = "700" if S_ISDIR(status.st_mode) else "600"
        raise ConfigurationError(
            f"{path} can be {others_may} by others on this machine.", hint=f"Run: chmod {mode} {path}"
        )
