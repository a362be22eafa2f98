"""Escapes text that could control the terminal."""

import json

from rich.cells import cell_len

_CONTEXT_LENGTH = 60
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(text: str) -> str:
    """Return the text with every control or invisible character written as an escape."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def readable(text: str) -> str:
    """Return the text with control and invisible characters as escapes, but with its line ends and tabs."""
    return "".join(char if char in "\n\t" else printable(char) for char in text)


def mark_position(text: str, position: int) -> tuple[str, str]:
    """Return a line with the text around a position, and a line with a caret below that position."""
    start = max(0, position - _CONTEXT_LENGTH)
    before = ("..." if start else "") + printable(text[start:position])
    behind = printable(text[position : position + _CONTEXT_LENGTH]) + (
        "..." if position + _CONTEXT_LENGTH < len(text) else ""
    )
    return f"  {before}{behind}", " " * (2 + cell_len(before)) + "^"


def json_printable(document: str) -> str:
    """Return a JSON document with every control or invisible character written as a JSON escape."""
    if document.isprintable():
        return document
    # Outside of strings our documents have no such character except the line feed.
    return "".join(char if char.isprintable() or char == "\n" else _json_escaped(char) for char in document)


def encodable_json(document: str, encoding: str | None) -> str:
    """Return a JSON document with every character that the encoding lacks written as a JSON escape."""
    if is_encodable(document, encoding):
        return document
    # Outside of strings our documents are ASCII.
    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in document)


def is_encodable(text: str, encoding: str | None) -> bool:
    """Tell whether the encoding of a stream has every character of the text; None stands for UTF-8."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
