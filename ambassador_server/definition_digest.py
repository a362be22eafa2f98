"""Computes the digest that a tool definition is approved by."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import rfc8785


def definition_digest(definition: bytes) -> str:
    """Return the SHA-256, in hex, of the canonical form (RFC 8785) of a JSON object.

    The order of keys, whitespace and the spelling of numbers make no difference. A definition that has no canonical
    form is digested byte for byte: one with a key given twice, which readers understand differently, an integer beyond
    2^53, a number that no double can hold, or text that is not Unicode.
    """
    try:
        canonical = rfc8785.dumps(json.loads(definition, object_pairs_hook=_unique))
    except (ValueError, RecursionError):
        canonical = definition
    return hashlib.sha256(canonical).hexdigest()


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
