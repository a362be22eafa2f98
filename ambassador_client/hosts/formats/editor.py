"""The interface of the format editors, and paths to entries inside a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

DEEPEST = 100
"""How deep lists and mappings may be nested in a file."""


class FormatError(ValueError):
    """The text is malformed, or another value stands where the entry belongs."""


@dataclass(frozen=True, slots=True)
class ElementNamed:
    """A path step: the list element whose member `name` has this value."""

    name: str

    def __str__(self) -> str:
        return self.name


PathStep = str | ElementNamed
EntryPath = tuple[PathStep, ...]


class Editor(Protocol):
    """Edits text of one format; every method raises FormatError. Text has no byte order mark."""

    def load(self, text: str) -> Any:
        """Return the parsed text; empty text is an empty mapping."""
        ...

    def put(self, text: str, path: EntryPath, value: Any) -> str:
        """Return the text with the value at the path; missing containers are created."""
        ...

    def remove(self, text: str, path: EntryPath) -> str:
        """Return the text without the value at the path; unchanged if there is none."""
        ...


def find(data: Any, path: EntryPath) -> Any:
    """Return the value at the path, or None."""
    for step in path:
        data = _child(data, step)
    return data


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of equal types: unlike in Python, 1 is not True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other) or repr(one) == repr(other) == "nan"


def without_entry(data: Any, path: EntryPath) -> Any:
    """Return the data without the value at the path and without containers that become empty."""
    step, rest = path[0], path[1:]
    child = _child(data, step)
    left = without_entry(child, rest) if rest and child is not None else None
    if isinstance(data, list):
        return (
            [left if item is child else item for item in data if item is not child or left]
            if child is not None
            else data
        )
    return {key: left if key == step else item for key, item in data.items() if key != step or left}


def wrap(path: Sequence[PathStep], value: Any) -> Any:
    """Return the value nested in the containers of the path."""
    for step in reversed(path):
        value = [value] if isinstance(step, ElementNamed) else {step: value}
    return value


def format_path(path: Sequence[PathStep]) -> str:
    """Return the path as text for errors."""
    return ".".join(map(str, path)) or "the file"


def line_end(text: str) -> str:
    """Return the line end of the text."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _child(data: Any, step: PathStep) -> Any:
    if isinstance(step, ElementNamed):
        items = data if isinstance(data, list) else []
        return next(
            (each for each in items if isinstance(each, dict) and each.get("name") == step.name), None
        )
    return data.get(step) if isinstance(data, dict) else None
