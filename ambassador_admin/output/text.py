"""Text from elsewhere, made harmless for a terminal."""

import json

from rich.cells import cell_len

_AROUND = 60
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(text: str) -> str:
    """Return the text with every character that a terminal would act on, or hide, written as an escape."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def mark_position(text: str, position: int) -> tuple[str, str]:
    """Return the text, or what is around the place, as a line, and below it a line with a caret under the place."""
    start = max(0, position - _AROUND)
    before = ("..." if start else "") + printable(text[start:position])
    behind = printable(text[position : position + _AROUND]) + (
        "..." if position + _AROUND < len(text) else ""
    )
    return f"  {before}{behind}", " " * (2 + cell_len(before)) + "^"


def json_printable(document: str) -> str:
    """Return a JSON document, laid out or not, with every such character written as a JSON escape."""
    if document.isprintable():
        return document
    # Outside of strings a document made by us has no such character but the line feed.
    return "".join(char if char.isprintable() or char == "\n" else _json_escaped(char) for char in document)


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]
