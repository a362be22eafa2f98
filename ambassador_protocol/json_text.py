"""Parses JSON objects, and writes a JSON document in one line."""

import json
from typing import Any


def parse_object(content: bytes | str) -> dict[str, Any]:
    """Return the JSON object in a text; raises ValueError whose message is a predicate, such as "is not JSON"."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        # A RecursionError means that the text is nested too deeply.
        raise ValueError("is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def on_one_line(document: bytes) -> bytes:
    """Return a JSON document with spaces instead of line ends, which only occur between tokens."""
    if b"\n" in document or b"\r" in document:
        return document.replace(b"\n", b" ").replace(b"\r", b" ")
    return document
