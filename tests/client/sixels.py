"""Reads the images of a terminal's output that are written as sixel."""

import re
from typing import Final

_IMAGE: Final = re.compile(r'\x1bP0;1q"1;1;(\d+);(\d+)([!-~]*)\x1b\\')
_TOKEN: Final = re.compile(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])|(.)")

Colour = tuple[int, int, int]
"""Red, green and blue in per cent."""


class DrawnImage:
    """An image as a terminal draws it: the colour of each pixel that was drawn, by x and y."""

    def __init__(self, width: int, height: int, body: str) -> None:
        self.size = (width, height)
        self.pixels: dict[tuple[int, int], Colour] = {}
        self._palette: dict[str, Colour] = {}
        self._colour = ""
        self._x = self._y = 0
        for token in _TOKEN.findall(body):
            self._take(*token)

    def _take(self, defined: str, red: str, green: str, blue: str, chosen: str, *rest: str) -> None:
        times, repeated, single, move, unknown = rest
        assert not unknown, unknown
        if defined:
            self._palette[defined] = (int(red), int(green), int(blue))
        elif chosen:
            self._colour = chosen
        elif move:
            self._x = 0
            self._y += 6 if move == "-" else 0
        else:
            for _ in range(int(times or 1)):
                self._draw(ord(repeated or single) - 63)

    def _draw(self, column: int) -> None:
        for row in range(6):
            if column >> row & 1:
                assert self._x < self.size[0]
                assert self._y + row < self.size[1]
                self.pixels[self._x, self._y + row] = self._palette[self._colour]
        self._x += 1


def drawn_images(seen: str) -> list[DrawnImage]:
    """Return the images in the output."""
    return [DrawnImage(int(width), int(height), body) for width, height, body in _IMAGE.findall(seen)]
