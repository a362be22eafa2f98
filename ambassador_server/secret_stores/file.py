"""`file:///PATH`: a file on the server's machine, such as a mounted secret.

What a reference names is sent to a downstream, so it must never be a file of this server or of the operating system.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ambassador_protocol.references import SecretReferenceError, read_secret_file

WAITS: Final = False
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))
_own: tuple[Path, ...] = ()


def protect(paths: Iterable[Path]) -> None:
    """Refuse references to these files, and to everything in these directories, from now on."""
    global _own  # noqa: PLW0603 - one process serves one data directory
    _own = tuple(Path(os.path.abspath(path)) for path in paths)


def check(place: str) -> None:
    """Raise SecretReferenceError for a path that is relative, or that leads to a protected file now."""
    _permitted(place)


def resolve(place: str) -> str:
    """Return the text of the file; raises SecretReferenceError."""
    # The path without links is opened, so that the file that is read is the one that was checked.
    return read_secret_file(_permitted(place))


def _permitted(place: str) -> Path:
    if not place.startswith("/"):
        raise SecretReferenceError(f"'file://{place}' is not an absolute path: write file:///PATH")
    if "\0" in place:
        raise SecretReferenceError(f"file://{place!r} is not a path")
    written, real = Path(os.path.abspath(place)), Path(os.path.realpath(place))
    if _is_protected(written) or _is_protected(real):
        raise SecretReferenceError(
            f"file://{place} names a file of this server or of the operating system, which is never given away"
        )
    return real


def _is_protected(path: Path) -> bool:
    """Tell whether the path is a protected one or lies in it, also by another spelling of the same directory."""
    ancestors = {path, *path.parents}
    if not ancestors.isdisjoint((*_SYSTEM, *_own)):
        return True
    protected = {identity for root in _own if (identity := _identity(root)) is not None}
    return any(_identity(ancestor) in protected for ancestor in ancestors)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError, ValueError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None
