"""Aligned text: tables whose columns line up, cut to the terminal's width only where there is a terminal."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from ambassador_admin.output.view import Column

SHORT_ID = 8
"""How much of an id a narrow terminal shows; commands take the beginning of an id for the whole."""

_GAP = "  "
_NARROWEST = 6
_STYLES = {
    "bold": "1",
    "good": "32",
    "wary": "33",
    "bad": "31",
}
_STATUS = {
    "good": ("active", "published", "ready", "permitted", "succeeded", "permit", "ok"),
    "wary": ("suspended", "draft", "degraded", "starting", "stopped", "drill", "not_ready"),
    "bad": ("revoked", "deactivated", "archived", "denied", "failed", "deny", "expired"),
}
_STYLE_OF = {word: style for style, words in _STATUS.items() for word in words}


class Table:
    """Lays out rows batch after batch; columns only ever widen, so a running table stays aligned.

    `width` is the terminal's, None where nothing may be cut.
    """

    def __init__(self, columns: Sequence[Column], *, width: int | None, colour: bool) -> None:
        self._columns = columns
        self._width = width
        self._colour = colour
        self._widths = [cell_len(column.title) for column in columns]

    def header(self) -> str:
        """Return the line of titles."""
        cells = [column.title for column in self._columns]
        return styled(self._line(cells), "bold", self._colour)

    def fit(self, rows: Sequence[Sequence[str]]) -> None:
        """Make the columns wide enough for these rows, as far as the terminal allows."""
        for row in rows:
            self._widths = [max(width, cell_len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        if self._width is not None:
            self._narrow(self._width)

    def row(self, cells: Sequence[str]) -> str:
        """Return one line."""
        return self._line(cells, coloured=self._colour)

    def _narrow(self, terminal: int) -> None:
        for index, column in enumerate(self._columns):
            if column.id and self._excess(terminal) > 0:
                self._widths[index] = min(self._widths[index], SHORT_ID)
        for _ in range(self._excess(terminal)):
            index = max(range(len(self._widths)), key=self._give)
            if self._give(index) <= 0:
                return
            self._widths[index] -= 1

    def _excess(self, terminal: int) -> int:
        return sum(self._widths) + len(_GAP) * (len(self._widths) - 1) - terminal

    def _give(self, index: int) -> int:
        column = self._columns[index]
        return (
            0 if column.whole or column.id else self._widths[index] - max(_NARROWEST, cell_len(column.title))
        )

    def _line(self, cells: Sequence[str], *, coloured: bool = False) -> str:
        padded = []
        for column, cell, width in zip(self._columns, cells, self._widths, strict=True):
            text = cell if self._width is None or column.whole else _cut(cell, width, mark=not column.id)
            padding = " " * max(0, width - cell_len(text))
            style = _STYLE_OF.get(cell) if column.status else None
            padded.append((styled(text, style, coloured) if style else text) + padding)
        return _GAP.join(padded).rstrip()


def record_lines(pairs: Sequence[tuple[str, str]], *, colour: bool) -> list[str]:
    """Return one `TITLE  value` line per pair, the values aligned."""
    width = max((cell_len(title) for title, _ in pairs), default=0)
    return [styled(title.ljust(width), "bold", colour) + _GAP + text for title, text in pairs]


def styled(text: str, style: str, colour: bool) -> str:
    """Wrap the text in the style's escape sequence, or not."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour and text else text


def _cut(text: str, width: int, *, mark: bool) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if mark else set_cell_size(text, width)
