"""`audit export`: events for other systems, page after page, from any point on."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.audit_filters import AuditFilters
from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, UsageError
from ambassador_admin.output.export import ExportFormat, Layout, layout

if TYPE_CHECKING:
    from ambassador_admin.api.client import Page

_PAGE = 1000

Write = Callable[[Sequence[str]], None]


def register(group: typer.Typer) -> None:
    """Add the verb to `audit`."""
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
            "--file", metavar="FILE", help="Write here instead; with --cursor, behind what is there."
        ),
    ] = None,
    cursor: Annotated[
        int,
        typer.Option("--cursor", metavar="N", min=0, help="Go on behind this place of an earlier export."),
    ] = 0,
) -> None:
    """Write events, oldest first, in a format that other systems take.

    Example: ambassador-admin audit export --format cef --since 24h --file day.cef
    """
    if admin.output.requested_format is not None or admin.output.fields is not None:
        raise UsageError(
            "An export is not shown as a list; -o and --fields say nothing here.", hint="--format"
        )
    with _destination(admin, file, appends=cursor > 0) as write:
        _Exporter(admin, layout(format), write).run(filters.query(admin.environment.now()), cursor)


class _Exporter:
    def __init__(self, admin: Invocation, shape: Layout, write: Write) -> None:
        self._admin = admin
        self._shape = shape
        self._write = write
        self._count = 0

    def run(self, filters: dict[str, str | None], cursor: int) -> None:
        """Write every event behind the cursor that had happened when this began."""
        at, end = cursor, self._newest()
        if cursor == 0:
            self._write(self._shape.header())
        try:
            while at < end:
                at = self._export_page(filters, at, end)
        except BaseException as error:
            self._report_position(at, error)
            raise
        self._admin.output.say(f"{self._count} events; --cursor {max(at, end)} goes on from here.")

    def _export_page(self, filters: dict[str, str | None], at: int, end: int) -> int:
        page = self._admin.api.page(audit.after(filters, str(at)), limit=_PAGE)
        events = [event for event in page.items if int(event["cursor"]) <= end]
        self._write([self._shape.line(event) for event in events])
        self._count += len(events)
        following = _following(page)
        if following <= at:
            raise BadAnswerError("The server does not say where its audit continues.")
        return following

    def _newest(self) -> int:
        found = self._admin.api.page(audit.newest({}), limit=1).items
        return int(found[0]["cursor"]) if found else 0

    def _report_position(self, at: int, error: BaseException) -> None:
        said = f"--cursor {at} goes on where this export broke off"
        if isinstance(error, AdminError):
            error.hint = said
        else:
            self._admin.output.say(f"{self._count} events; {said}.")


def _following(page: "Page") -> int:
    try:
        return int(page.next_cursor or "")
    except ValueError:
        raise BadAnswerError("The server does not say where its audit continues.") from None


@contextmanager
def _destination(admin: Invocation, file: Path | None, *, appends: bool) -> Iterator[Write]:
    """Yield what writes lines; a new file is for its owner alone, and an old one is never overwritten."""
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
        raise ConflictError(f"{file} is there already.", hint="--cursor N appends to it") from None
    except OSError as error:
        raise AdminError(f"{file} cannot be written: {error.strerror}.") from error
