"""Encodes the pixels of an image as sixel: bands of six rows, each drawn once per colour."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

TRANSPARENT: Final = 255
"""The index of pixels that are not drawn."""

_BAND: Final = 6
_EMPTY: Final = 63  # the character of a column without pixels; each pixel adds one bit
_RUN: Final = re.compile(rb"(.)\1{3,}", re.DOTALL)
_TO_CHARACTERS: Final = bytes((_EMPTY + value) % 256 for value in range(256))


def sixel(pixels: bytes, width: int, palette: Sequence[int]) -> str:
    """Return the control sequence that draws the pixels: one index into the palette (r, g, b, …) per pixel, by rows."""
    height = len(pixels) // width
    colours = "".join(_define(index, palette) for index in sorted(set(pixels) - {TRANSPARENT}))
    bands = (
        b"$".join(_band(pixels[start : start + _BAND * width], width))
        for start in range(0, len(pixels), _BAND * width)
    )
    body = b"-".join(bands).decode("ascii")
    # 0;1: a pixel is as high as wide, and what is not drawn keeps the background.
    return f'\x1bP0;1q"1;1;{width};{height}{colours}{body}\x1b\\'


def _define(index: int, palette: Sequence[int]) -> str:
    red, green, blue = (round(value * 100 / 255) for value in palette[index * 3 : index * 3 + 3])
    return f"#{index};2;{red};{green};{blue}"


def _band(pixels: bytes, width: int) -> Iterator[bytes]:
    """Yield the columns of each colour in up to six rows."""
    columns: dict[int, bytearray] = {}
    for start in range(0, len(pixels), width):
        bit = 1 << (start // width)
        for x, index in enumerate(pixels[start : start + width]):
            if index not in columns:
                columns[index] = bytearray(width)
            columns[index][x] |= bit
    columns.pop(TRANSPARENT, None)
    for index, values in sorted(columns.items()):
        characters = values.rstrip(b"\0").translate(_TO_CHARACTERS)
        yield b"#%d%b" % (index, _RUN.sub(_repeated, characters))


def _repeated(run: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(run[0]), run[1])
