"""The commands `resources`: list what an AI application could read, and read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.offered import by_name, description, explain, request
from ambassador_client.cli.output import is_for_programs, show, show_rows
from ambassador_client.cli.server_client import CallError
from ambassador_client.cli.tool_result import FileSaver, show_contents

_Uri = Annotated[str, typer.Argument(metavar="URI", help="The URI, as listed or expanded from a template.")]
_SaveDirectory = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", help="Write what is not text to files in this directory."),
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("The resources you may read.")
    command(group, "list", list_all)
    command(group, "read", read)
    app.add_typer(group, name="resources")


def list_all(run: Run) -> int:
    """List the resources you may read, and the templates of URIs.

    Example: ambassador-client resources list
    """
    rows = [_row(each, "uri") for each in run.server.resources()]
    rows += [_row(each, "uriTemplate") for each in run.server.resource_templates()]
    if not rows:
        run.say("You have no resources. Run: ambassador-client catalog list")
    if rows or run.output is not None:
        show_rows(rows, run.output)
    return 0


def read(run: Run, uri: _Uri, save: _SaveDirectory = None) -> int:
    """Read a resource. Text goes to standard output.

    An image is shown where the terminal can; other data that is not text is saved to a temporary file, or with --save.

    Example: ambassador-client resources read file:///srv/docs/README.md
    """
    try:
        result = request(run, uri, lambda progress, answer: run.server.read(uri, progress, answer))
    except CallError as error:
        raise explain(run, "resource", by_name(run.server.resources(), "uri"), uri, error) from None
    if is_for_programs(run.output):
        show(result, run.output)
    else:
        show_contents(result, FileSaver(save, uri.rstrip("/").rpartition("/")[2]))
    return 0


def _row(each: Mapping[str, Any], member: str) -> dict[str, Any]:
    return {
        "resource": each[member],
        "template": member == "uriTemplate",
        "name": each.get("title") or each.get("name"),
        "type": each.get("mimeType"),
        "description": description(each),
    }
