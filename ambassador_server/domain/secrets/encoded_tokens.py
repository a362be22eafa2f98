"""Finds and masks tokens of this product that are written in base64, base32 or hexadecimal digits."""

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from ambassador_server.domain.secrets.rules import Shape, contains, without

TOKEN_LENGTHS = {"amb_pk_": 48, "amb_st_": 100, "amb_ak_": 48, "amb_at_": 100}
"""What a token begins with, and how many characters follow."""

STEM = "amb_"

# Whitespace and quotes with an operator between them join the parts of one text.
_QUOTES = r"[\"'`]\s{0,40}+[+.,|&;]{0,4}+\s{0,40}+[\"'`]"
_BETWEEN = re.compile(rf"{_QUOTES}|\s+|\\[nrt]|[^\x00-\x7f]+")
_BETWEEN_DIGITS = re.compile(rf"{_QUOTES}|\s+|\\[nrtx]|0[xX]|[,:;.\-\\]+|[^\x00-\x7f]+")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]*")


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How a token looks in one encoding.

    `between` matches what may separate its characters, `begins` what it begins with, and `lengths` holds for each
    beginning how many characters a whole token has.
    """

    between: re.Pattern[str]
    begins: re.Pattern[str]
    lengths: Mapping[str, int]


def _encoding(between: re.Pattern[str], spellings: Callable[[str], Iterable[str]], width: float) -> _Encoding:
    lengths = {
        spelling: int((len(prefix) + length) * width)
        for prefix, length in TOKEN_LENGTHS.items()
        for spelling in spellings(prefix)
    }
    return _Encoding(between, re.compile("|".join(lengths)), lengths)


def _in_base64(codec: str, text: str) -> list[str]:
    """Return the characters that encode the text, wherever it stands in what is encoded."""
    encoded = text.encode(codec)
    spellings = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + encoded).decode()
        spellings.append(whole[-(-before * 8 // 6) : (before + len(encoded)) * 8 // 6])
    return spellings


def _in_base64_twice(text: str) -> list[str]:
    return [again for once in _in_base64("utf-8", text) for again in _in_base64("utf-8", once)]


def _in_base32(text: str) -> list[str]:
    encoded = text.encode()
    spellings = []
    for before in range(5):
        whole = base64.b32encode(b"\0" * before + encoded).decode()
        middle = whole[-(-before * 8 // 5) : (before + len(encoded)) * 8 // 5]
        spellings += [middle, middle.lower()]
    return spellings


def _in_digits(text: str) -> list[str]:
    digits = text.encode().hex()
    return [digits, digits.upper()]


_BASE64, _WIDE_BASE64 = partial(_in_base64, "utf-8"), partial(_in_base64, "utf-16-le")
_ENCODINGS = (
    _encoding(_BETWEEN, _BASE64, 8 / 6),
    _encoding(_BETWEEN, _WIDE_BASE64, 16 / 6),
    _encoding(_BETWEEN, _in_base64_twice, 64 / 36),
    _encoding(_BETWEEN, _in_base32, 8 / 5),
    _encoding(_BETWEEN_DIGITS, _in_digits, 2),
)
# Neither with `0` nor with `x`, because `0x` may be before each byte of a list.
_KEPT = b"abcdefghijklmnopqrstuvwyz123456789"
_LEFT_OUT = bytes(set(range(256)) - set(_KEPT))
_HAS_STEM = contains(
    *dict.fromkeys(
        spelling.lower().translate(dict.fromkeys(_LEFT_OUT))
        for spellings in (_BASE64, _WIDE_BASE64, _in_base64_twice, _in_base32, _in_digits)
        for spelling in spellings(STEM)
    )
)
_SHORTEST = 60


def may_be_encoded(lowered: str) -> bool:
    """Tell whether a lower-case text may hold an encoded token."""
    if len(lowered) < _SHORTEST:
        return False
    return _HAS_STEM(lowered.encode("ascii", "ignore").translate(None, _LEFT_OUT).decode("ascii"))


def mask_encoded(text: str) -> str:
    """Return the text without encoded tokens."""
    if may_be_encoded(text.lower()):
        for encoding in _ENCODINGS:
            text = without(text, _tokens(text, encoding))
    return text


def encoded_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield where encoded tokens begin and end."""
    if may_be_encoded(text.lower()):
        for encoding in _ENCODINGS:
            yield from _tokens(text, encoding)


def _tokens(text: str, encoding: _Encoding) -> Iterator[tuple[int, int]]:
    parts: list[str] = []
    starts, origins = [0], [0]
    for gap in encoding.between.finditer(text):
        parts.append(text[origins[-1] : gap.start()])
        starts.append(starts[-1] + len(parts[-1]))
        origins.append(gap.end())
    joined = "".join([*parts, text[origins[-1] :]])

    def origin(position: int) -> int:
        part = bisect_right(starts, position) - 1
        return origins[part] + position - starts[part]

    done = 0
    for found in encoding.begins.finditer(joined):
        start = origin(found.start())
        if start < done:
            continue
        last = _end_of_run(joined, found.start(), found.start() + encoding.lengths[found[0]]) - 1
        done = _end_of_run(text, origin(last) + 1, len(text))
        yield start, done


def _end_of_run(text: str, start: int, end: int) -> int:
    run = _RUN.match(text, start, end)
    return start if run is None else run.end()


# Some encoded tokens have no digit; what each of them begins with has a digit or one of these letters.
_DIGITS_AND_LETTERS = frozenset("0123456789yf")

OWN_ENCODED = Shape(
    "tokens of this product, encoded", _DIGITS_AND_LETTERS, may_be_encoded, (mask_encoded,), is_long=True
)
