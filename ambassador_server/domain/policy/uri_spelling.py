"""The spelling of resource patterns: a URI is written as it is listed, and `*` stands for any text.

URIs are compared in one spelling. In it a character outside of printable ASCII is written as the bytes of its UTF-8
encoding, each as `%` and two hexadecimal digits, as RFC 3987 turns an IRI into a URI; those digits are upper case, as
RFC 3986 says; and a `*` of the URI itself is `%2A`. A pattern may have the one or the other.
"""

import re
from collections.abc import Collection
from typing import Final

from ambassador_server.domain.policy.pattern_spelling import MAX_PATTERN, PatternError
from ambassador_server.domain.shared.names import similar_names

_RESPELT: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[^!-~]|\*")
_OTHER: Final = re.compile(r"[^!-$&-)+-~]")
"""Without such a character a URI is its own spelling."""


def spell_uri(uri: str) -> str:
    """Return the one spelling of a URI, which is also the pattern that matches this URI alone."""
    if _OTHER.search(uri) is None:
        return uri
    return _RESPELT.sub(_respelt, uri.encode(errors="surrogatepass")).decode("ascii")


def spell_uri_pattern(pattern: str) -> str:
    """Return the pattern in its only spelling. Raises PatternError."""
    if not pattern:
        raise PatternError("is empty")
    spelt = "*".join(map(spell_uri, pattern.split("*")))
    if len(spelt) > MAX_PATTERN:
        raise PatternError(f"is longer than {MAX_PATTERN} characters")
    return spelt


def near_uris(uri: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown URI: the spellings of similar ones, if there are any."""
    found = ", ".join(repr(spell_uri(each)) for each in similar_names(uri, known))
    return f"; near: {found}" if found else ""


def _respelt(found: re.Match[bytes]) -> bytes:
    return found[0].upper() if found[0][:1] == b"%" else b"%%%02X" % ord(found[0])
