"""Replaces and deletes files atomically; retries while Windows reports them in use."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ambassador_client.errors import SettingsError

# Windows error codes for a file in use: access denied, sharing violation, lock violation.
_IN_USE: Final = frozenset({5, 32, 33})
_RETRY_SECONDS: Final = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
)  # indexers and virus scanners open new files for a moment


def put_file(path: Path, content: bytes, prepare: Callable[[Path], None] = lambda _: None) -> None:
    """Write the content to `path` completely and durably, or change nothing; raises OSError.

    Only the owner can read the file, unless `prepare`, called with the new file before the replacement, changes that.
    """
    import tempfile  # noqa: PLC0415 - slow to import, and the relay rarely writes files

    descriptor, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=".new"
    )  # created 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        prepare(Path(name))
        _retry_while_in_use(lambda: os.replace(name, path))
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def remove_file(path: Path) -> bool:
    """Delete the file and tell whether it existed; raises OSError."""
    try:
        _retry_while_in_use(path.unlink)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write_private_file(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, and create its directory; raises SettingsError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        obstacle = next((each for each in path.parents if each.exists() and not each.is_dir()), None)
        if obstacle is not None:
            raise SettingsError(
                f"cannot write {path}: {obstacle} is no directory", "Set HOME to your home directory."
            ) from None
        raise SettingsError(
            f"cannot write {path}: {error.strerror}", "Check the owner of the directory and the free space."
        ) from error


def remove_private_file(path: Path) -> bool:
    """Delete the file and tell whether it existed; raises SettingsError."""
    try:
        return remove_file(path)
    except OSError as error:
        raise SettingsError(f"cannot delete {path}: {error.strerror}", "Delete it by hand.") from error


def _retry_while_in_use(operation: Callable[[], None]) -> None:
    """Run the operation; repeat it for about 1.3 seconds while Windows reports the file in use."""
    for seconds in _RETRY_SECONDS:
        try:
            return operation()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
            time.sleep(seconds)
    return operation()
