"""Reads the beginning of a large JSON document without decoding the rest of it."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from ambassador_server.domain.secrets.marks import cut_mark

_TOKEN: Final = re.compile(rb'[\s,:]*+("(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\s,:\[\]{}"]++)', re.DOTALL)
_LONGEST_COUNTED: Final = 4096
_SCALAR_SIZE: Final = 8

Pairs = list[tuple[str, Any]]


class BeginningReader:
    """Decodes a valid JSON document up to a number of values and a size; a mark replaces the rest of each container.

    `scalar` decodes a string, number or word, `members` makes an object of its pairs; both may raise ValueError.
    """

    def __init__(self, scalar: Callable[[str], Any], members: Callable[[Pairs], dict[str, Any]]) -> None:
        self._scalar = scalar
        self._members = members

    def read(self, document: bytes, values: int, size: int) -> Any:
        """Return the value; a text counts in `size` with at most as many characters as the audit keeps of one."""
        top: list[Any] = []
        # What each open object or list holds so far; an object its names and values in turn.
        open_: list[tuple[bool, list[Any]]] = [(False, top)]
        for token, end in _tokens(document):
            if token in (b"]", b"}"):
                self._close(open_)
                continue
            if values <= 0 or size <= 0:
                self._end_early(open_, len(document) - end + len(token))
                break
            values -= 1
            if token in (b"[", b"{"):
                open_.append((token == b"{", []))
            else:
                open_[-1][1].append(self._scalar(token.decode()))
                size -= max(min(len(token), _LONGEST_COUNTED), _SCALAR_SIZE)
        return top[0]

    def _close(self, open_: list[tuple[bool, list[Any]]]) -> None:
        is_object, held = open_.pop()
        open_[-1][1].append(
            self._members(list(zip(held[::2], held[1::2], strict=True))) if is_object else held
        )

    def _end_early(self, open_: list[tuple[bool, list[Any]]], left: int) -> None:
        more = f"{left} more bytes"
        is_object, held = open_[-1]
        if is_object and not len(held) % 2:
            held += ["[cut]", more]
        else:
            held.append(cut_mark(more))
        while len(open_) > 1:
            self._close(open_)


def _tokens(document: bytes) -> Iterator[tuple[bytes, int]]:
    """Return the strings, brackets, numbers and words of a document, each with the offset of its end."""
    for found in _TOKEN.finditer(document):
        yield found[1], found.end()
