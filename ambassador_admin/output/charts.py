"""Draws numbers as small charts of one line, in characters that the output can write."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from ambassador_admin.output.text import is_encodable


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of pictures: heights of columns from the lowest on, bars and their denied part, and of a path."""

    heights: str
    full: str
    denied: str
    arrow: str
    yes: str
    no: str


_BLOCKS: Final = Glyphs("▁▂▃▄▅▆▇█", "█", "▒", "→", "✓", "✗")
_ASCII: Final = Glyphs(".:-=+*#@", "#", "x", "->", "=", "x")


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return block characters, or ASCII if the encoding of the output lacks them; None stands for UTF-8."""
    return _BLOCKS if is_encodable("".join(astuple(_BLOCKS)), encoding) else _ASCII


def sparkline(values: Sequence[int], most: int, glyphs: Glyphs) -> str:
    """Return a column for each value, as high as its part of `most`; 0 is a space, and nothing else is one."""
    heights = glyphs.heights
    return "".join(heights[-(-value * len(heights) // most) - 1] if value > 0 else " " for value in values)


def bar(value: int, most: int, width: int, glyph: str) -> str:
    """Return a bar that is `width` long for `most`."""
    return glyph * round(value / max(most, 1) * width)
