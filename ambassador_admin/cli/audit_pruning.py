"""The command `audit prune`: removes old records and records the removal."""

from typing import Annotated

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, exact_time, fields_of
from ambassador_protocol.admin.audit import Pruning, PruningView

PRUNED = View(
    "prunings",
    (
        Column("BEFORE", "before", exact_time),
        Column("SEGMENTS", "segments"),
        Column("FIRST RECORD", "first_seq"),
        Column("LAST RECORD", "last_seq"),
        Column("LAST DIGEST", "head", whole=True),
        Column("FROM THE INDEX", "indexed"),
    ),
    fields_of(PruningView),
)


def register(group: typer.Typer) -> None:
    """Register `audit prune`."""
    verb(group, "prune", destroys=True)(prune)


def prune(
    admin: Invocation,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DURATION", help="Remove records older than this; at least a day."
        ),
    ],
    index_only: Annotated[
        bool, typer.Option("--index-only", help="Remove records from the index only; the log keeps them.")
    ] = False,
    segments_only: Annotated[
        bool,
        typer.Option(
            "--segments-only", help="Remove segments of the log only; the index keeps their records."
        ),
    ] = False,
) -> None:
    """Remove old records: whole segments of the log, and index entries. The rest can still be verified.

    Example: ambassador-admin audit prune --older-than 90d --yes
    """
    if index_only and segments_only:
        raise UsageError("--index-only and --segments-only exclude each other.")
    age = parse_duration(older_than, "--older-than") or 0
    admin.confirm(f"Remove audit records older than {older_than} permanently?")
    pruning = Pruning(older_than_seconds=age, segments=not index_only, index=not segments_only)
    admin.submit(audit.prune(pruning), PRUNED)
