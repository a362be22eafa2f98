"""The option --allow-unmatched, and the warnings of the server about tools that it does not know."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ambassador_admin.context.invocation import Invocation

AllowUnmatched = Annotated[
    bool,
    typer.Option("--allow-unmatched", help="Accept names and patterns that match no known tool."),
]


def warn_of(admin: Invocation, answer: Mapping[str, Any] | None) -> None:
    """Show the warnings of an answer; a dry run has no answer."""
    for warning in [] if answer is None else answer.get("warnings", []):
        admin.output.warn(warning)
