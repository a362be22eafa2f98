"""The options --approval, --approvers and --valid: another person approves the calls of a grant."""

from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.errors import UsageError
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import duration, plain
from ambassador_protocol.admin.grants import GrantApproval

Approval = Annotated[bool, typer.Option("--approval", help="Another person approves each call first.")]
Approvers = Annotated[
    str | None,
    typer.Option(
        "--approvers",
        metavar="GROUP",
        help="With --approval: the members of this group approve; without it, administrators.",
    ),
    NameKind.GROUP,
]
Valid = Annotated[
    str | None,
    typer.Option(
        "--valid",
        metavar="DURATION",
        help="With --approval: how long an approval is good, such as 5m or 1h; by default 10m.",
    ),
]


def approval_of(approval: bool, approvers: str | None, valid: str | None) -> GrantApproval | None:
    """Return the approval that the options demand, None without them; raises UsageError."""
    if approval:
        return GrantApproval(approvers=approvers, valid_seconds=parse_duration(valid, "--valid"))
    if approvers is not None or valid is not None:
        raise UsageError("--approvers and --valid need --approval.")
    return None


def approval_text(value: Any, now: datetime) -> str:
    """Format the approval that a grant demands."""
    if not isinstance(value, dict):
        return plain(value, now)
    approvers = value.get("approvers")
    by = "administrators" if approvers is None else f"group {approvers}"
    return printable(f"{by}, {duration(value.get('valid_seconds'), now)}")
