"""Lays out tables with aligned columns, cut to the width of the terminal if there is one."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from ambassador_admin.output.view import Column

SHORT_ID = 8
"""The length of an id on a narrow terminal; commands accept the beginning of an id."""

_GAP = "  "
_MIN_WIDTH = 6
_STYLES = {
    "bold": "1",
    "good": "32",
    "caution": "33",
    "bad": "31",
}
_STATUS = {
    "good": ("active", "published", "ready", "permitted", "succeeded", "permit", "ok"),
    "caution": ("suspended", "draft", "degraded", "starting", "stopped", "drill", "not_ready"),
    "bad": ("revoked", "deactivated", "archived", "denied", "failed", "deny", "expired"),
}
_STYLE_OF = {word: style for style, words in _STATUS.items() for word in words}


class Table:
    """Lays out rows in parts; columns never get narrower, so that later rows stay aligned.

    `width` is that of the terminal, None when nothing may be cut.
    """

    def __init__(self, columns: Sequence[Column], *, width: int | None, colour: bool) -> None:
        self.columns = columns
        self._width = width
        self._colour = colour
        self._widths = [0 if column.wraps else cell_len(column.title) for column in columns]
        self._cuts_names = False

    def header(self) -> str:
        """Return the line of titles."""
        cells = [column.title for column in self.columns]
        return styled(self._line(cells), "bold", self._colour)

    def fit(self, rows: Sequence[Sequence[str]]) -> None:
        """Widen the columns for these rows, within the width of the terminal."""
        for row in rows:
            self._widths = [
                width if column.wraps else max(width, cell_len(cell))
                for column, width, cell in zip(self.columns, self._widths, row, strict=True)
            ]
        if self._width is not None:
            self._narrow(self._width)

    @property
    def fits(self) -> bool:
        """Tell whether no row is wider than the terminal, apart from a last column that wraps."""
        return self._width is None or self._excess_width(self._width) <= 0

    @property
    def is_whole(self) -> bool:
        """Tell whether the table fits, and no name is cut for it."""
        return self.fits and not self._cuts_names

    def row(self, cells: Sequence[str]) -> str:
        """Return one line."""
        return self._line(cells, coloured=self._colour)

    def _narrow(self, terminal: int) -> None:
        for index, column in enumerate(self.columns):
            if column.id and self._excess_width(terminal) > 0:
                self._widths[index] = min(self._widths[index], SHORT_ID)
        self._shorten_to_ends(terminal)
        for _ in range(self._excess_width(terminal)):
            index = max(range(len(self._widths)), key=self._spare_width)
            if self._spare_width(index) <= 0:
                break
            self._widths[index] -= 1
        # Only now names and ids: a row that wraps is harder to read than a name that is cut.
        for _ in range(self._excess_width(terminal)):
            self._cuts_names = True
            index = max(range(len(self._widths)), key=self._last_spare_width)
            if self._last_spare_width(index) <= 0:
                return
            self._widths[index] -= 1

    def _shorten_to_ends(self, terminal: int) -> None:
        for index, column in enumerate(self.columns):
            for length in column.ends:
                if self._excess_width(terminal) > 0:
                    self._widths[index] = min(self._widths[index], max(length, cell_len(column.title)))

    def _excess_width(self, terminal: int) -> int:
        return sum(self._widths) + len(_GAP) * (len(self._widths) - 1) - terminal

    def _spare_width(self, index: int) -> int:
        column = self.columns[index]
        if column.whole or column.id or column.wraps:
            return 0
        return self._widths[index] - max(_MIN_WIDTH, cell_len(column.title))

    def _last_spare_width(self, index: int) -> int:
        # Commands accept no shorter beginning of an id.
        return self._widths[index] - (SHORT_ID if self.columns[index].id else _MIN_WIDTH)

    def _line(self, cells: Sequence[str], *, coloured: bool = False) -> str:
        padded = []
        for column, cell, width in zip(self.columns, cells, self._widths, strict=True):
            cut = self._width is not None and not column.wraps
            text = _shortened(column, cell, width) if cut else cell
            padding = " " * max(0, width - cell_len(text))
            style = _STYLE_OF.get(cell) if column.status else None
            padded.append((styled(text, style, coloured) if style else text) + padding)
        return _GAP.join(padded).rstrip()


def record_lines(pairs: Sequence[tuple[str, str]], *, colour: bool) -> list[str]:
    """Return one line `TITLE  value` per pair, with aligned values."""
    width = max((cell_len(title) for title, _ in pairs), default=0)
    return [styled(title.ljust(width), "bold", colour) + _GAP + text for title, text in pairs]


def styled(text: str, style: str, colour: bool) -> str:
    """Return the text in a style's escape sequence if `colour` is true."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour and text else text


def _shortened(column: Column, cell: str, width: int) -> str:
    ends = [length for length in column.ends if length <= width < len(cell)]
    return cell[-ends[0] :] if ends else _cut(cell, width, mark=not column.id)


def _cut(text: str, width: int, *, mark: bool) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if mark else set_cell_size(text, width)
