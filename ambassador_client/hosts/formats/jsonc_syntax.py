"""Parses JSON with comments and trailing commas into nodes with their offsets."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ambassador_client.hosts.formats.editor import DEEPEST, FormatError

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*+"')
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")


@dataclass(slots=True)
class Member:
    """A member of an object; `comma` is the offset of the comma after it."""

    key: str
    start: int
    value: "Node"
    comma: int | None = None


@dataclass(slots=True)
class Node:
    """A value from offset `start` to `end`; `members` is None unless it is an object."""

    start: int
    end: int
    value: Any
    members: Sequence[Member] | None = field(default=None)

    def member(self, key: str) -> Member | None:
        """Return the member of an object, or None; raises FormatError for duplicates, which hosts read differently."""
        found = [each for each in self.members or () if each.key == key]
        if len(found) > 1:
            raise FormatError(f'"{key}" occurs twice')
        return found[0] if found else None


def parse(text: str) -> Node | None:
    """Return the root node, None for text without a value; raises FormatError."""
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Node | None:
        self._skip()
        if self._at == len(self._text):
            return None
        node = self._value(0)
        self._skip()
        if self._at != len(self._text):
            raise self._error("unexpected text after the value")
        return node

    def _value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error(f"nested deeper than {DEEPEST}")
        match self._text[self._at : self._at + 1]:
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                return self._leaf(_STRING)
            case _:
                return self._leaf(_SCALAR)

    def _leaf(self, pattern: re.Pattern[str]) -> Node:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error("a value is expected")
        try:
            value = json.loads(found[0])
        except ValueError as error:
            raise self._error("a value is invalid") from error
        self._at = found.end()
        return Node(found.start(), found.end(), value)

    def _object(self, depth: int) -> Node:
        start = self._at
        members: list[Member] = []
        self._open()
        while not self._closes("}"):
            members.append(self._member(depth))
            members[-1].comma = self._comma("}")
        value = {each.key: each.value.value for each in members}
        return Node(start, self._at, value, members)

    def _member(self, depth: int) -> Member:
        key = self._leaf(_STRING)
        self._skip()
        if self._text[self._at : self._at + 1] != ":":
            raise self._error('":" is expected')
        self._open()
        return Member(key.value, key.start, self._value(depth + 1))

    def _array(self, depth: int) -> Node:
        start = self._at
        items: list[Any] = []
        self._open()
        while not self._closes("]"):
            items.append(self._value(depth + 1).value)
            self._comma("]")
        return Node(start, self._at, items)

    def _open(self) -> None:
        self._at += 1
        self._skip()

    def _closes(self, bracket: str) -> bool:
        if self._text[self._at : self._at + 1] != bracket:
            return False
        self._at += 1
        return True

    def _comma(self, bracket: str) -> int | None:
        self._skip()
        found = self._text[self._at : self._at + 1]
        if found == ",":
            at = self._at
            self._open()
            return at
        if found != bracket:
            raise self._error(f'"," or "{bracket}" is expected')
        return None

    def _skip(self) -> None:
        if found := _TRIVIA.match(self._text, self._at):
            self._at = found.end()

    def _error(self, what: str) -> FormatError:
        return FormatError(f"line {self._text.count(chr(10), 0, self._at) + 1}: {what}")
