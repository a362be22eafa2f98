"""The options of every list: which rows, in which order, how many."""

from dataclasses import dataclass
from typing import Annotated

import typer

from ambassador_admin.api.request import Request
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Which rows of a list; None means all, in the order the server gives them."""

    filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="FIELD=VALUE",
            help="Only what matches; also FIELD!=VALUE, and FIELD~GLOB where '*' matches anything. May be repeated.",
        ),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="FIELD", help="Order by a field; -FIELD begins with the last."),
    ] = None
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = None

    def show(self, admin: Invocation, request: Request, view: View) -> None:
        """Fetch and show what was asked for of a list."""
        admin.show_list(request.with_query(filter=self.filter, sort=self.sort), view, limit=self.limit)
