"""The options of all lists: filter, order and number of rows."""

from dataclasses import dataclass
from typing import Annotated

import typer

from ambassador_admin.api.request import Request
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Which rows of a list to show; None means all rows, in the order of the server."""

    filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="FIELD=VALUE",
            help="Only rows that match; also FIELD!=VALUE, and FIELD~GLOB where '*' matches anything. May be repeated.",
        ),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="FIELD", help="Sort by a field; -FIELD for descending order."),
    ] = None
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="The maximum number of rows.")
    ] = None

    def show(self, admin: Invocation, request: Request, view: View) -> None:
        """Fetch and show these rows of a list."""
        admin.show_list(request.with_query(filter=self.filter, sort=self.sort), view, limit=self.limit)
