"""Rules for parts of the file system: which places a program may not reach, may read, or may write.

The nearest rule above a path decides. Landlock can only allow, and only whole directories. So a directory that holds a
hidden place is not allowed itself, but each of its other entries is. Standard library only: the launcher imports it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from stat import S_ISDIR
from typing import Final

HIDDEN: Final = 0
READABLE: Final = 1
WRITABLE: Final = 2

Allowed = tuple[str, int, bool]
"""A path, its mode, and whether it is a directory."""

_MOUNTS: Final = "/proc/self/mountinfo"
_ROOT_FIELD: Final = 3


class _Node:
    """A place with a mode of its own, or a directory on the way to one."""

    __slots__ = ("children", "mode")

    def __init__(self) -> None:
        self.mode: int | None = None
        self.children: dict[str, _Node] = {}


def strictest(places: Iterable[tuple[str, int]], own: Iterable[str]) -> dict[str, int]:
    """Return the places by their real paths; of two modes for one path the one that allows less remains.

    Everything in the paths `own` is hidden, even if a place in them is named.
    """
    owned = [os.path.realpath(path) for path in own]
    found = dict.fromkeys(owned, HIDDEN)
    for path, mode in places:
        real = os.path.realpath(path)
        if mode == HIDDEN or not any(lies_in(real, directory) for directory in owned):
            found[real] = min(mode, found.get(real, mode))
    return found


def lies_in(path: str, directory: str) -> bool:
    """Tell whether a path is a directory or lies in it; compares texts."""
    return _below(path, directory) is not None


def own_entries(home: str) -> Iterator[str]:
    """Yield the entries of a home directory except hidden ones, which hold keys and what runs at the next login."""
    with suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and not entry.is_symlink():
                yield entry.path


def expand(places: Mapping[str, int]) -> Iterator[Allowed]:
    """Yield each part of the tree that one rule can allow; what no place names is hidden."""
    root = _Node()
    for path, mode in places.items():
        node = root
        for part in filter(None, path.split("/")):
            node = node.children.setdefault(part, _Node())
        node.mode = mode
    yield from _expand(root, "/", HIDDEN, HIDDEN)


def _expand(node: _Node, path: str, inherited: int, granted: int) -> Iterator[Allowed]:
    """Yield what to allow at this path and below, where a rule above it already grants the mode `granted`."""
    mode = inherited if node.mode is None else node.mode
    if _holds_less(node, mode):
        if mode > granted:
            yield from _other_entries(path, node, mode)
    elif mode > granted:
        with suppress(OSError):
            yield path, mode, S_ISDIR(os.stat(path).st_mode)
        granted = mode
    for name, child in node.children.items():
        yield from _expand(child, os.path.join(path, name), mode, granted)


def _other_entries(path: str, node: _Node, mode: int) -> Iterator[Allowed]:
    """Yield the entries of a directory that have no place of their own; what a link points to has one."""
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            if entry.name not in node.children and not entry.is_symlink():
                yield entry.path, mode, entry.is_dir(follow_symlinks=False)


def _holds_less(node: _Node, mode: int) -> bool:
    """Tell whether a rule for the whole would allow too much of something below."""
    return any(
        (child.mode is not None and child.mode < mode) or _holds_less(child, mode)
        for child in node.children.values()
    )


def aliases(path: str) -> Iterator[str]:
    """Yield the other paths under which a file or directory, or a part of it, is mounted."""
    mounts = _mounts()
    above = [mount for mount in mounts if _below(path, mount[2]) is not None]
    if not above:
        return
    device, root, point = max(above, key=lambda mount: len(mount[2]))
    inside = _joined(root, _below(path, point) or "")
    for other_device, other_root, other_point in mounts:
        if other_device != device or (other_root, other_point) == (root, point):
            continue
        below = _below(inside, other_root)
        if below is not None:
            yield _joined(other_point, below)
        elif _below(other_root, inside) is not None:
            yield other_point


def _joined(directory: str, below: str) -> str:
    return os.path.join(directory, below).rstrip("/") or "/"


def _mounts() -> list[tuple[str, str, str]]:
    """Return device, root in the device, and mount point of every mount."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split() for line in file]
    except OSError:
        return []
    return [(row[2], _unescaped(row[_ROOT_FIELD]), _unescaped(row[_ROOT_FIELD + 1])) for row in rows]


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _below(path: str, directory: str) -> str | None:
    """Return the path relative to a directory that it lies in or is, else None."""
    if path == directory:
        return ""
    prefix = directory.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None
