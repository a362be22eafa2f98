"""Finds and masks keys and tokens of this product, also when they are split or written in escapes."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from ambassador_server.domain.secrets.encoded_tokens import STEM, TOKEN_LENGTHS, encoded_tokens, mask_encoded
from ambassador_server.domain.secrets.escapes import unfolded
from ambassador_server.domain.secrets.rules import KEY, Shape, contains, without

# Between two characters of a split token is what cannot belong to it. Possessive, so that the time stays linear.
_GAP = r"(?:\\[nrt]|[^A-Za-z0-9_]){0,40}+"
_PREFIX = re.compile(
    rf"[Aa]{_GAP}[Mm]{_GAP}[Bb]{_GAP}_{_GAP}(?:[PpAa]{_GAP}[Kk]|(?P<session>[SsAa]){_GAP}[Tt]){_GAP}_"
)
_BODY_GAP = r"(?:\\[nrt]|[^A-Za-z0-9_-]){0,40}+"
_BODY, _SESSION_BODY = (
    re.compile(rf"(?:{_BODY_GAP}{KEY}){{4,{TOKEN_LENGTHS[prefix]}}}+") for prefix in ("amb_pk_", "amb_st_")
)
_CHARACTER, _WHOLE_BODY, _REST = re.compile(KEY), re.compile(rf"{KEY}{{4,}}"), re.compile(rf"{KEY}*")
_LEAST_RANDOM = 0.3
_SHORTEST = min(len(prefix) + length for prefix, length in TOKEN_LENGTHS.items())
_LAST_BYTE = 0xFF


def mask_own(text: str) -> str:
    """Return the text without tokens of this product; a text with one in escapes is returned decoded."""
    masked = mask_encoded(without(text, _tokens(text)))
    plain = unfolded(masked)
    if plain == masked:
        return masked
    again = mask_encoded(without(plain, _tokens(plain)))
    return masked if again == plain else again


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    while (prefix := _PREFIX.search(text, position)) is not None:
        end = _end_of_token(text, prefix)
        if end is not None:
            yield prefix.start(), end
        position = end or prefix.end()


def _end_of_token(text: str, prefix: re.Match[str]) -> int | None:
    pattern = _SESSION_BODY if prefix["session"] else _BODY
    body = pattern.match(text, prefix.end())
    if body is not None:
        characters = _CHARACTER.findall(body[0])
        # Prose after the prefix has few capitals and digits; of random characters they are more than half.
        if sum(not each.islower() for each in characters) >= _LEAST_RANDOM * len(characters):
            rest = _REST.match(text, body.end())
            return body.end() if rest is None else rest.end()
    whole = _WHOLE_BODY.match(text, prefix.end())
    return None if whole is None else whole.end()


def parts_of_split_tokens(texts: Sequence[str], values: Sequence[str]) -> frozenset[str]:
    """Return the texts that together hold a token which is split over several of them.

    `values` are those texts that are no names of members: a name between two parts of a token does not hide it.
    """
    return _parts_of_tokens(texts) | _parts_of_tokens(values)


def may_be_split(values: Sequence[str]) -> bool:
    """Tell whether the values together may hold a token, although each text and all texts in order may not."""
    return len(values) > 1 and "\n".join(values).count("_") >= STEM.count("_") * 2


def holds_token_in_bytes(items: Sequence[Any]) -> bool:
    """Tell whether a list of numbers is a text, byte by byte, that has a token of this product."""
    if len(items) < _SHORTEST or not all(type(each) is int and 0 <= each <= _LAST_BYTE for each in items):
        return False
    text = bytes(items).decode("latin-1")
    return mask_own(text) != text


def _parts_of_tokens(texts: Sequence[str]) -> frozenset[str]:
    """Return the texts that together hold a token which is split over several of them."""
    joined = "\n".join(texts)
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    parts: set[str] = set()
    for start, end in (*_tokens(joined), *encoded_tokens(joined)):
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        if last > first:
            parts.update(texts[first : last + 1])
    return frozenset(parts)


# Every alternative begins with a plain character, because that is searched for much faster.
_ESCAPED_LETTER = re.compile(
    r"%(?:(?:25)*(?:6[12bd]|5f|7[034])|e|f0|c2)|=(?:6[12bd]|5f|7[034])"
    r"|\\(?:u(?:\{|00|ff|fe|24|1d|d83)|x[567]|[01][0-7]{2})|&(?:#|lowbar|underbar)"
)
_has_prefix = contains(*TOKEN_LENGTHS)
_NOT_IN_PREFIX = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz0123456789_"))
# The low lines and the lower-case letters that compatibility normalisation makes plain ones.
_LIKE_LETTERS = (
    *range(0xFF41, 0xFF5B),
    *range(0x24D0, 0x24EA),
    *range(0x1D2C, 0x1D6B),
    *range(0x1D400, 0x1D800),
)
_LOOKALIKES = frozenset("\uff3f\ufe33\ufe34\ufe4d\ufe4e\ufe4f\u00aa\u02e2") | frozenset(
    map(chr, _LIKE_LETTERS)
)


def may_hold_own(lowered: str) -> bool:
    """Tell whether a lower-case text may hold a token of this product that is not encoded."""
    if lowered.count("_") >= STEM.count("_") * 2 and _has_prefix(_squeezed(lowered)):
        return True
    if lowered.isascii() and _ESCAPED_LETTER.search(lowered) is None:
        return False
    return _has_prefix(_squeezed(unfolded(lowered).lower()))


def _squeezed(lowered: str) -> str:
    return lowered.encode("ascii", "ignore").translate(None, _NOT_IN_PREFIX).decode("ascii")


OWN = Shape("tokens of this product", frozenset("_%\\&=") | _LOOKALIKES, may_hold_own, (mask_own,))
