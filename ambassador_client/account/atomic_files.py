"""Puts a file in the place of another in one step, and takes one away: the one place that knows how this may fail."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ambassador_client.errors import SettingsError

# What Windows says while another program has the file open: access denied, sharing violation, lock violation.
_IN_USE: Final = frozenset({5, 32, 33})
_RETRY_SECONDS: Final = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
)  # seconds; indexers and virus scanners look in briefly


def put_file(path: Path, content: bytes, prepare: Callable[[Path], None] = lambda _: None) -> None:
    """Put the content at `path`, complete and on the disk, or leave everything as it was; raises OSError.

    The file is for its owner alone unless `prepare`, which gets it before it takes its place, says otherwise.
    """
    import tempfile  # noqa: PLC0415 - takes long to import, and the relay hardly ever writes a file

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
    """Delete the file, which need not be there, and tell whether it was; raises OSError."""
    try:
        _retry_while_in_use(path.unlink)
    except FileNotFoundError:
        return False
    return True


def write_private_file(path: Path, content: str | bytes) -> None:
    """Put a file in place, readable by its owner alone, and make its directory; raises SettingsError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise SettingsError(
            f"cannot write {path}: {error.strerror}", "Check the directory's owner and space."
        ) from error


def remove_private_file(path: Path) -> bool:
    """Delete a file of ours and tell whether it was there; raises SettingsError."""
    try:
        return remove_file(path)
    except OSError as error:
        raise SettingsError(f"cannot delete {path}: {error.strerror}", "Delete it by hand.") from error


def _retry_while_in_use(operation: Callable[[], None]) -> None:
    """Do it, again and again for a second or so while Windows says that the file is in use."""
    for seconds in _RETRY_SECONDS:
        try:
            return operation()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
            time.sleep(seconds)
    return operation()
