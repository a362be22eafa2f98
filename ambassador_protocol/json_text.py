"""Parses JSON objects, and writes a JSON document in one line."""

import json
import math
from typing import Any

from ambassador_protocol.nesting import MAX_NESTING, is_too_deep


def parse_value(content: bytes | str) -> Any:
    """Return the JSON value in a text; raises ValueError whose message is a predicate, such as "is not JSON"."""
    if is_too_deep(content.encode(errors="surrogatepass") if isinstance(content, str) else content):
        raise ValueError(f"is nested deeper than {MAX_NESTING} levels")
    try:
        return json.loads(content, parse_float=_finite, parse_constant=_refuse)
    except OverflowError:
        raise ValueError("contains a number that is too large") from None
    except ValueError:
        raise ValueError("is not JSON") from None


def parse_object(content: bytes | str) -> dict[str, Any]:
    """Return the JSON object in a text; raises ValueError as `parse_value` does."""
    value = parse_value(content)
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise OverflowError  # it could not be written as JSON again
    return value


def _refuse(word: str) -> Any:
    # NaN and Infinity are read by Python alone.
    raise ValueError(word)


def on_one_line(document: bytes) -> bytes:
    """Return a JSON document with spaces instead of line ends, which only occur between tokens."""
    if b"\n" in document or b"\r" in document:
        return document.replace(b"\n", b" ").replace(b"\r", b" ")
    return document
