"""Parses YAML to a tree whose nodes have their positions in the file."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml

from ambassador_admin.errors import UsageError
from ambassador_protocol.bounded_yaml import YamlError, decode, events, read_text

STDIN = Path("-")
"""The path that stands for standard input."""
MAX_BYTES = 64 * 1024 * 1024
MAX_VALUES = 8_000_000
"""The limits let the export of a very large server be read; the file is the administrator's own."""

_STRING = "tag:yaml.org,2002:str"
_WITH_EXPONENT = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+")
_SURROGATES = re.compile(r"((?<!\\)(?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, order=True)
class FilePosition:
    """A position in a file; `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return FILE:LINE."""
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Node:
    """A scalar, sequence or mapping."""

    position: FilePosition


@dataclass(slots=True)
class Scalar(Node):
    """A text; `tag` is its type in YAML, such as `int` for an unquoted 12 and `str` for a quoted one."""

    text: str
    tag: str


@dataclass(slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    """A mapping in the order of the file; duplicate keys are kept."""

    entries: list[tuple[Scalar, Node]] = field(default_factory=list)


def read_trees(path: Path, stdin: TextIO) -> list[Node]:
    """Return the documents of a file, `-` for standard input; raises UsageError with the file and the line."""
    name = "standard input" if path == STDIN else str(path)
    try:
        text = _read_stdin(stdin) if path == STDIN else read_text(path, max_bytes=MAX_BYTES)
        is_json = _is_json(text)
        return _Builder(name, is_json=is_json).documents(_with_yaml_escapes(text) if is_json else text)
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}.") from error
    except YamlError as error:
        where = name if error.line is None else f"{name}:{error.line}"
        raise UsageError(f"{where}: {error.message}.") from error


def _is_json(text: str) -> bool:
    """Tell whether a text is JSON, which is YAML but for a few numbers and escapes."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _with_yaml_escapes(document: str) -> str:
    """Return JSON in which each pair of escaped surrogates is one escape of YAML."""

    def joined(found: re.Match[str]) -> str:
        character = json.loads('"' + found[2] + '"')
        return f"{found[1]}\\U{ord(character):08x}"

    return _SURROGATES.sub(joined, document)


def _read_stdin(stdin: TextIO) -> str:
    # The bytes, if there are any: the text may have been decoded with another encoding than that of YAML.
    source: Any = getattr(stdin, "buffer", stdin)
    content = source.read(MAX_BYTES + 1)
    return decode(content if isinstance(content, bytes) else content.encode(), max_bytes=MAX_BYTES)


class _Builder:
    def __init__(self, file: str, *, is_json: bool) -> None:
        self._file = file
        self._is_json = is_json
        self._open: list[Sequence | Mapping] = []
        self._anchors: list[str | None] = []
        self._keys: list[Scalar | None] = []
        self._known: dict[str, Node] = {}
        self._done: list[Node] = []
        self._resolver: Any = yaml.resolver.Resolver()

    def documents(self, text: str) -> list[Node]:
        for event in events(text, max_values=MAX_VALUES):
            self._take(event)
        return self._done

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._known = {}
            case yaml.ScalarEvent():
                self._add(
                    Scalar(FilePosition(self._file, line), event.value, self._tag(event, line)), event.anchor
                )
            case yaml.AliasEvent():
                self._add(self._known[str(event.anchor)], None)
            case yaml.SequenceStartEvent():
                self._begin(Sequence(FilePosition(self._file, line)), event, line)
            case yaml.MappingStartEvent():
                self._begin(Mapping(FilePosition(self._file, line)), event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._keys.pop()
                self._add(self._open.pop(), self._anchors.pop())
            case _:
                pass

    def _tag(self, event: Any, line: int) -> str:
        if event.tag not in (None, "!", _STRING):
            raise YamlError(f"unknown tag {event.tag!r}", line)
        if event.tag is not None or not event.implicit[0]:
            return "str"
        if self._is_json and _WITH_EXPONENT.fullmatch(event.value):
            return "float"
        return str(self._resolver.resolve(yaml.ScalarNode, event.value, (True, False))).rpartition(":")[2]

    def _begin(self, node: Sequence | Mapping, event: Any, line: int) -> None:
        if event.tag is not None:
            raise YamlError(f"unknown tag {event.tag!r}", line)
        self._open.append(node)
        self._anchors.append(event.anchor)
        self._keys.append(None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._known[anchor] = node
        if not self._open:
            self._done.append(node)
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self._keys[-1] is None:
            if not isinstance(node, Scalar):
                raise YamlError("a key must be plain text", node.position.line)
            self._keys[-1] = node
        else:
            parent.entries.append((self._keys[-1], node))
            self._keys[-1] = None


def duplicates(node: Mapping) -> Iterator[Scalar]:
    """Yield every key that repeats an earlier key of the mapping."""
    seen: set[str] = set()
    for key, _ in node.entries:
        if key.text in seen:
            yield key
        seen.add(key.text)
