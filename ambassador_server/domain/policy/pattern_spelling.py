"""The spelling of patterns of tools and prompts, by which any name that a downstream gives them can be written exactly.

Letters, digits and `_ . : / -` stand for themselves and `*` for any text. Every other character is written as the
bytes of its UTF-8 encoding, each as `%` and two hexadecimal digits: a `*` in a name is `%2A`, and a `%` is
`%25`.
"""

import re
from collections.abc import Collection
from typing import Final

from ambassador_server.domain.shared.names import similar_names

EVERYTHING: Final = "*"
"""The pattern of a whole MCP: every tool, resource and prompt it has."""

MAX_PATTERN: Final = 4096
"""The maximum number of characters; a name of 256 characters fits, whatever they are."""

_WRITTEN: Final = re.compile(rb"%([0-9A-Fa-f]{2})|[^%]", re.DOTALL)
_OTHER: Final = re.compile(r"[^A-Za-z0-9_.:/*%-]")
_SHOWN: Final = 200
_SPELT: Final = re.compile(rb"[^A-Za-z0-9_.:/-]")


class PatternError(ValueError):
    """A text is no pattern; the message says why."""


def spell_name(name: str) -> str:
    """Return the pattern that matches this text alone."""
    encoded = name.encode(errors="surrogatepass")
    return _SPELT.sub(lambda found: b"%%%02X" % ord(found[0]), encoded).decode("ascii")


def exact_name(text: str) -> str:
    """Return the name of which this is the exact spelling; a text that is no spelling is a name itself."""
    try:
        return _read(text)
    except PatternError:
        return text


def near_names(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the exact spellings of similar ones, if there are any."""
    found = ", ".join(repr(spell_name(each)) for each in similar_names(name, known))
    return f"; near: {found}" if found else ""


def spell_pattern(pattern: str) -> str:
    """Return the pattern in its only spelling: what stands for itself as it is, everything else as bytes.

    Raises PatternError, for characters that must be written as bytes with the pattern that they belong to.
    """
    if not pattern:
        raise PatternError("is empty")
    spelt = "*".join(map(spell_name, literal_parts(pattern)))
    other = _OTHER.search(pattern)
    if other is not None:
        raise PatternError(f"has {other[0]!r}; if the name has it, write {spelt[:_SHOWN]!r}")
    if len(spelt) > MAX_PATTERN:
        raise PatternError(f"is longer than {MAX_PATTERN} characters")
    return spelt


def literal_parts(pattern: str) -> list[str]:
    """Return the texts between the `*` of a pattern, with their bytes read. Raises PatternError."""
    if "%" not in pattern:
        return pattern.split("*")
    return [_read(part) for part in pattern.split("*")]


def _read(part: str) -> str:
    written = part.encode(errors="surrogatepass")
    found = list(_WRITTEN.finditer(written))
    if sum(len(each[0]) for each in found) != len(written):
        raise PatternError("has a '%' without two hexadecimal digits; write '%' itself as '%25'")
    content = b"".join(bytes.fromhex(each[1].decode()) if each[1] else each[0] for each in found)
    try:
        return content.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        raise PatternError("has bytes that are not UTF-8") from None
