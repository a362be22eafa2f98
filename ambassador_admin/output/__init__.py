"""Writes data to stdout in the requested format and messages to stderr; styles only on a terminal."""

import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TextIO

from ambassador_admin.errors import AdminError, ReaderGoneError, UsageError
from ambassador_admin.output.charts import Glyphs, glyphs_for
from ambassador_admin.output.formats import Format, csv_lines, json_document, json_line, yaml_document
from ambassador_admin.output.selection import Selection
from ambassador_admin.output.style import Style
from ambassador_admin.output.table import Table, record_lines, styled
from ambassador_admin.output.text import encodable_json, printable, readable
from ambassador_admin.output.view import Column, Item, View, lookup

__all__ = ["Format", "Item", "Output", "Stream", "Style", "View"]

_BATCH = 200
_WIDE_ENOUGH = 60


class Output:
    """Shows items: one, a list, or a stream of lists; raises UsageError for a style that contradicts itself."""

    def __init__(self, stdout: TextIO, stderr: TextIO, style: Style, *, now: Callable[[], datetime]) -> None:
        self._stdout = stdout
        self.encoding: str | None = getattr(stdout, "encoding", None)
        self._stderr = stderr
        self._now = now
        self.requested_format = style.format or (None if style.jq is None else Format.JSON)
        self.format = self.requested_format or Format.TABLE
        self.fields = style.fields
        self.headers = style.headers
        self.quiet = style.quiet
        if style.jq is not None and self.format not in (Format.JSON, Format.JSONL):
            raise UsageError(f"--jq selects from JSON, not from {self.format}.", hint="-o json or -o jsonl")
        self._selection = None if style.jq is None else Selection(style.jq)
        self.is_terminal = stdout.isatty()
        self._stderr_is_terminal = stderr.isatty()
        self._colour = style.colour and self.is_terminal

    def rows(self, view: View, items: Iterable[Item]) -> None:
        """Show a list; an empty list is `[]` in program formats and a message on stderr in a table."""
        if self.format in (Format.JSONL, Format.CSV):
            self._rows_in_batches(view, iter(items))
            return
        listed = list(items)
        if self.fields is not None:
            view.check_fields(self.fields, listed)
        if self.format in (Format.JSON, Format.YAML):
            self.document([view.select(item, self.fields) for item in listed])
            return
        if not listed and self.format in (Format.TABLE, Format.WIDE):
            self.say(f"No {view.plural}.")
            return
        Stream(self, view).show(listed)

    def _rows_in_batches(self, view: View, items: Iterator[Item]) -> None:
        # These formats have a line per item, so a long list is written while it is fetched.
        stream, batch = None, list(islice(items, _BATCH))
        while stream is None or batch:
            if stream is None:
                if self.fields is not None:
                    view.check_fields(self.fields, batch)
                stream = Stream(self, view)
            stream.show(batch)
            batch = list(islice(items, _BATCH))

    def record(self, view: View, item: Item) -> None:
        """Show one object: a line per column in a table format, an object in a program format."""
        if self.fields is not None:
            view.check_fields(self.fields, [item])
        if self.format in (Format.JSON, Format.YAML, Format.JSONL):
            self.document(view.select(item, self.fields))
        elif self.format in (Format.CSV, Format.NAME):
            Stream(self, view).show([item])
        else:
            now = self._now()
            columns = view.columns_for(self.fields, wide=True)
            self.write("\n".join(self.lines(columns, [column.text(item, now) for column in columns])))

    @property
    def chart_width(self) -> int | None:
        """The width of a chart beside a table, None if stdout is no terminal or a narrow one."""
        if not self.is_terminal or self.fields is not None or self.format not in (Format.TABLE, Format.WIDE):
            return None
        return self.width if self.width and self.width >= _WIDE_ENOUGH else None

    @property
    def width(self) -> int | None:
        """The width of the terminal, None if stdout is none."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    @property
    def glyphs(self) -> Glyphs:
        """The characters of charts that stdout can write."""
        return glyphs_for(self.encoding)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Write one line for each name and its value, with aligned values."""
        self.write("\n".join(record_lines(pairs, colour=self._colour)))

    def bold(self, text: str) -> str:
        """Return a text as titles are written."""
        return styled(text, "bold", self._colour)

    def good(self, text: str) -> str:
        """Return a text in the colour of permissions."""
        return styled(text, "good", self._colour)

    def bad(self, text: str) -> str:
        """Return a text in the colour of denials."""
        return styled(text, "bad", self._colour)

    def set_pipe_format(self, piped: Format) -> None:
        """Use this format instead of a table when stdout is no terminal and the user did not choose one."""
        if self.requested_format is None and not self.is_terminal:
            self.format = piped

    def stream(self, view: View) -> "Stream":
        """Return a stream that shows a list in parts; raises UsageError for a format that is one document."""
        if self.format in (Format.JSON, Format.YAML):
            raise UsageError(
                f"A stream has no end, so it cannot be a {self.format} document.", hint="-o jsonl"
            )
        if self.fields is not None:
            view.check_fields(self.fields, [])
        return Stream(self, view)

    def document(self, value: object) -> None:
        """Show any value as YAML, JSON lines or JSON, whichever was asked for."""
        if self.format is Format.YAML:
            self.write(yaml_document(value, self.encoding))
        elif self.format is Format.JSONL:
            self.write("\n".join(self.json_lines(value)))
        elif self._selection is None:
            self.write(self.encodable(json_document(value)))
        else:
            self.write("\n".join(self.json_lines(value)))

    def json_lines(self, value: object) -> list[str]:
        """Return a value as one line of JSON, or as the lines that the jq expression selects from it."""
        if self._selection is None:
            return [self.encodable(json_line(value))]
        found = self._selection.lines(value)
        return [readable(line) for line in found] if self.is_terminal else found

    @contextmanager
    def collected(self) -> Iterator[io.StringIO]:
        """Collect all that is written inside the block instead of writing it."""
        streams, text = (self._stdout, self._stderr), io.StringIO()
        self._stdout = self._stderr = text
        try:
            yield text
        finally:
            self._stdout, self._stderr = streams

    def say(self, text: str) -> None:
        """Write a message to stderr, unless the user wants none."""
        if not self.quiet:
            self._write_message(printable(text))

    def say_always(self, text: str) -> None:
        """Write a message to stderr without which the user could not go on."""
        self._write_message(printable(text))

    def advise(self, text: str) -> None:
        """Write advice on the next step to stderr, only if that is a terminal."""
        if self._stderr_is_terminal:
            self.say(text)

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        label = styled("warning:", "caution", self._colour and self._stderr_is_terminal)
        self._write_message(f"{label} {printable(text)}")

    def write(self, text: str) -> None:
        """Write lines to stdout and flush it; raises ReaderGoneError when its reader has closed it."""
        try:
            self._stdout.write(f"{text}\n")
            self._stdout.flush()
        except BrokenPipeError:
            raise ReaderGoneError from None
        except OSError as error:
            raise AdminError(f"The output cannot be written: {error.strerror}.") from error

    def encodable(self, document: str) -> str:
        """Return a JSON document with escapes for the characters that stdout cannot encode."""
        return encodable_json(document, self.encoding)

    def table(self, view: View) -> Table:
        """Return an empty table for the view, as wide as the terminal."""
        columns = view.columns_for(self.fields, wide=self.format is Format.WIDE)
        return Table(columns, width=self.width, colour=self._colour)

    def lines(self, columns: Sequence[Column], cells: Sequence[str]) -> list[str]:
        """Return a line for each column of one item, with its title unless there shall be none."""
        if not self.headers:
            return list(cells)
        titles = [column.title for column in columns]
        return record_lines(list(zip(titles, cells, strict=True)), colour=self._colour)

    def cells(self, view: View, items: Sequence[Item]) -> list[list[str]]:
        """Return the table's cells for these items."""
        now = self._now()
        columns = view.columns_for(self.fields, wide=self.format is Format.WIDE)
        return [[column.text(item, now) for column in columns] for item in items]

    def _write_message(self, text: str) -> None:
        try:
            self._stderr.write(f"{text}\n")
            self._stderr.flush()
        except OSError:
            return  # stderr is closed; the exit code reports the failure


class Stream:
    """Shows a list in parts: as an aligned table, as JSON lines or as CSV."""

    def __init__(self, output: Output, view: View) -> None:
        self._output = output
        self._view = view
        self._table = output.table(view)
        self._fields = tuple(output.fields or view.fields)
        self._started = False
        self._as_records = False

    def show(self, items: Sequence[Item]) -> None:
        """Show the next items."""
        if self._output.format is Format.JSONL:
            chosen = (self._view.select(item, self._output.fields) for item in items)
            lines = [line for item in chosen for line in self._output.json_lines(item)]
        elif self._output.format is Format.NAME:
            lines = [printable(str(lookup(item, self._view.handle))) for item in items]
        elif self._output.format is Format.CSV:
            lines = self._csv(items)
        else:
            lines = self._aligned(items)
        self._started = True
        if lines:
            self._output.write("\n".join(lines))

    def _csv(self, items: Sequence[Item]) -> list[str]:
        header = [] if self._started or not self._output.headers else [self._fields]
        rows = [[lookup(item, field) for field in self._fields] for item in items]
        lines = csv_lines([*header, *rows])
        return [lines] if lines else []

    def _aligned(self, items: Sequence[Item]) -> list[str]:
        rows = self._output.cells(self._view, items)
        if not self._as_records:
            self._table.fit(rows)
        if not self._started:
            is_wide = self._output.format is Format.WIDE
            self._as_records = not (self._table.is_whole if is_wide else self._table.fits)
        if self._as_records:
            return self._records(rows)
        header = [] if self._started or not self._output.headers else [self._table.header()]
        return [*header, *map(self._table.row, rows)]

    def _records(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return a line for each cell, and an empty one between rows: for a terminal too narrow for the columns."""
        lines: list[str] = []
        for row in rows:
            lines += [""] if lines or self._started else []
            lines += self._output.lines(self._table.columns, row)
        return lines
