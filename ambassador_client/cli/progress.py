"""The progress bar of a running tool, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from ambassador_client.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A context manager that shows a progress bar on standard error and removes it at the end."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.add_task(one_line(self._tool), total=None, share="", message="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, params: dict[str, Any]) -> None:
        """Show the params of a progress notification."""
        if self._bar is None:
            return
        done, total = _number(params.get("progress")), _number(params.get("total"))
        text = params.get("message")
        message = one_line(text) if isinstance(text, str) else ""
        share = "/".join(f"{each:.10g}" for each in (done, total) if each is not None)
        (task,) = self._bar.task_ids
        self._bar.update(task, completed=done, total=total, share=share, message=message)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bar for the length of a block."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


def _bar() -> "Progress":
    # Imported here: rich is slow to import and needed only on a terminal.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    def text(form: str) -> TextColumn:
        # Text of a server must not be read as markup.
        return TextColumn(form, markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))

    return Progress(
        SpinnerColumn("line"),
        text("{task.description}"),
        BarColumn(bar_width=24),
        text("{task.fields[share]}"),
        TimeElapsedColumn(),
        text("{task.fields[message]}"),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Skips NaN and numbers too large for the bar.
    return value if abs(value) < 1e15 else None
