"""Reads YAML within limits that do not depend on the version of PyYAML.

The events of a text are counted before values are built from it, so that size, nesting and aliases cannot exhaust
memory.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ambassador_protocol.text_files import decode_text

MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_BYTES = 1024 * 1024

T = TypeVar("T")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is twenty times faster


class YamlError(ValueError):
    """The text is not YAML or exceeds a limit; `line` counts from 1 and is None when it is unknown."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.message = message
        self.line = line


def read_text(path: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a file without its byte order mark; raises OSError and YamlError."""
    with path.open("rb") as file:
        return decode(file.read(max_bytes + 1), max_bytes=max_bytes)


def decode(content: bytes, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a file's content without its byte order mark; raises YamlError."""
    if len(content) > max_bytes:
        raise YamlError(f"larger than {max_bytes} bytes")
    try:
        return decode_text(content)
    except UnicodeDecodeError as error:
        raise YamlError("not UTF-8 text", content.count(b"\n", 0, error.start) + 1) from error


def load(text: str, *, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value of the only document in a text, None without one; raises YamlError."""
    return build(text, yaml.safe_load, max_depth=max_depth)


def build(text: str, construct: Callable[[str], T], *, max_depth: int = MAX_DEPTH) -> T:
    """Check the limits of a text, then return what `construct` builds from it; raises YamlError."""
    for _ in events(text, max_depth=max_depth):
        pass
    try:
        return construct(text)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error) from error
    except ValueError as error:  # such as a date with a 13th month
        raise YamlError(f"not YAML: {error}") from error


def events(text: str, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES) -> Iterator[Any]:
    """Yield the parse events of a text; raises YamlError."""
    count = _Count(text, max_depth, max_values)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            count.take(event)
            yield event
    except yaml.MarkedYAMLError as error:
        count.check_unread(error)
        raise _not_yaml(error) from error
    except yaml.reader.ReaderError as error:
        # This position counts characters, not lines.
        raise YamlError(f"not YAML: {error.reason} (character {error.position})") from error


class _Count:
    """Counts nesting and values; the values of an alias count each time it is used."""

    def __init__(self, text: str, max_depth: int, max_values: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._max_values = max_values
        self._values = 0
        self._open: list[tuple[str | None, int]] = []
        self._anchors: dict[str, int] = {}
        self._end = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        self._end = event.end_mark.index
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise YamlError(f"no anchor '{event.anchor}' is complete here", line)
                self._add(self._anchors[event.anchor], line)
            case yaml.CollectionStartEvent():
                if len(self._open) >= self._max_depth:
                    raise self._too_deep(line)
                self._open.append((event.anchor, self._values))
                self._add(1, line)
            case yaml.CollectionEndEvent():
                anchor, before = self._open.pop()
                self._keep(anchor, self._values - before)
            case yaml.ScalarEvent():
                self._add(1, line)
                self._keep(event.anchor, 1)
            case _:
                pass

    def check_unread(self, error: Any) -> None:
        """Raise YamlError if the text between the last event and the parser's error is nested too deeply.

        The parser reads to the end of a line before it reports the events at its beginning, and some versions have a
        nesting limit of their own, which they report first.
        """
        marks = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None]
        if not marks:
            return
        first = min(marks, key=lambda mark: mark.index)
        start = max(self._end, self._text.rfind("\n", 0, first.index) + 1)
        depth = len(self._open)
        for character in self._text[start : first.index]:
            depth += (character in "[{") - (character in "]}")
            if depth > self._max_depth:
                raise self._too_deep(first.line + 1) from error

    def _add(self, values: int, line: int) -> None:
        self._values += values
        if self._values > self._max_values:
            raise YamlError(f"more than {self._max_values} values, aliases counted as often as used", line)

    def _keep(self, anchor: str | None, values: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = values

    def _too_deep(self, line: int) -> YamlError:
        return YamlError(f"nested deeper than {self._max_depth}", line)


def _not_yaml(error: yaml.MarkedYAMLError) -> YamlError:
    mark = error.problem_mark or error.context_mark
    return YamlError(f"not YAML: {error.problem or error.context}", None if mark is None else mark.line + 1)
