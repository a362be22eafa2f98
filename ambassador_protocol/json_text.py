"""JSON as text: objects that others sent, and documents as one line."""

import json
from typing import Any


def parse_object(content: bytes | str) -> dict[str, Any]:
    """Return a JSON object; raises ValueError, whose text continues a sentence, for anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        # Nesting deeper than the interpreter allows is the sender's fault, like any other garbage.
        raise ValueError("is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def on_one_line(document: bytes) -> bytes:
    """Return the document without line ends: they stand only between tokens, where a space says the same."""
    if b"\n" in document or b"\r" in document:
        return document.replace(b"\n", b" ").replace(b"\r", b" ")
    return document
