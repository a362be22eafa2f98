"""The command `audit export`: writes events in formats of other systems."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.audit_filters import AuditFilters
from ambassador_admin.cli.audit_lag import tell_lag
from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, UsageError
from ambassador_admin.output.export import ExportFormat, Layout, layout

if TYPE_CHECKING:
    from ambassador_admin.api.client import Page

_PAGE = 1000

Write = Callable[[Sequence[str]], None]


def register(group: typer.Typer) -> None:
    """Register `audit export`."""
    verb(group, "export")(export)


def export(
    admin: Invocation,
    filters: AuditFilters,
    format: Annotated[
        ExportFormat, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(ExportFormat)}.")
    ] = ExportFormat.JSONL,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Write to this new file; with --cursor, append to an existing one."
        ),
    ] = None,
    cursor: Annotated[
        int,
        typer.Option(
            "--cursor", metavar="N", min=0, help="Continue after this position of an earlier export."
        ),
    ] = 0,
) -> None:
    """Write events, oldest first, in a format for other systems.

    Example: ambassador-admin audit export --format cef --since 24h --file day.cef
    """
    if admin.output.requested_format is not None or admin.output.fields is not None:
        raise UsageError("An export has its own formats; -o and --fields do not apply.", hint="--format")
    query = filters.query(admin.environment.now())
    with _destination(admin, file, appends=cursor > 0) as write:
        _Exporter(admin, layout(format), write).run(query, cursor)


class _Exporter:
    def __init__(self, admin: Invocation, line_layout: Layout, write: Write) -> None:
        self._admin = admin
        self._layout = line_layout
        self._write = write
        self._count = 0

    def run(self, filters: dict[str, str | None], cursor: int) -> None:
        """Write the events after the cursor, up to the newest one at the start of the export."""
        at, end = cursor, self._newest()
        if cursor == 0:
            self._write(self._layout.header())
        try:
            while at < end:
                at = self._export_page(filters, at, end)
        except BaseException as error:
            self._report_position(at, error)
            raise
        self._admin.output.say(f"{self._count} events; --cursor {max(at, end)} continues from here.")

    def _export_page(self, filters: dict[str, str | None], at: int, end: int) -> int:
        page = self._admin.api.page(audit.after(filters, str(at)), limit=_PAGE)
        events = [event for event in page.items if int(event["cursor"]) <= end]
        self._write([self._layout.line(event) for event in events])
        self._count += len(events)
        following = _following(page)
        if following <= at:
            raise BadAnswerError("The server returned no position to continue from.")
        return following

    def _newest(self) -> int:
        page = self._admin.api.page(audit.newest({}), limit=1)
        tell_lag(self._admin, page.answer)
        found = page.items
        return int(found[0]["cursor"]) if found else 0

    def _report_position(self, at: int, error: BaseException) -> None:
        advice = f"--cursor {at} continues where this export stopped"
        if isinstance(error, AdminError):
            error.hint = advice
        else:
            self._admin.output.say(f"{self._count} events; {advice}.")


def _following(page: "Page") -> int:
    try:
        return int(page.next_cursor or "")
    except ValueError:
        raise BadAnswerError("The server returned no position to continue from.") from None


@contextmanager
def _destination(admin: Invocation, file: Path | None, *, appends: bool) -> Iterator[Write]:
    """Yield a function that writes lines; only the owner can read a new file, and no file is overwritten."""
    if file is None:
        yield lambda lines: admin.output.write("\n".join(lines)) if lines else None
        return
    flags = os.O_WRONLY | os.O_APPEND | (0 if appends else os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as opened:

            def write(lines: Sequence[str]) -> None:
                opened.writelines(f"{line}\n" for line in lines)
                opened.flush()

            yield write
    except FileExistsError:
        raise ConflictError(f"{file} exists already.", hint="--cursor N appends to it") from None
    except OSError as error:
        raise AdminError(f"{file} cannot be written: {error.strerror}.") from error
