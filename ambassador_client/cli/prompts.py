"""The commands `prompts`: list the prompts that an AI application would offer, and get one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_client.cli.argument_files import ArgumentFiles
from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.offered import by_name, description, explain, lookup, request
from ambassador_client.cli.output import is_for_programs, show, show_rows
from ambassador_client.cli.server_client import CallError
from ambassador_client.cli.tool_arguments import read_arguments
from ambassador_client.cli.tool_result import FileSaver, show_messages
from ambassador_client.errors import UsageError

_Name = Annotated[str, typer.Argument(metavar="PROMPT", help="The name of the prompt.")]
_Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Arguments; KEY=@FILE and KEY=@- read the value."),
]
_SaveDirectory = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", help="Write images and other data to files in this directory."),
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("The prompts you may get.")
    command(group, "list", list_all)
    command(group, "get", get)
    app.add_typer(group, name="prompts")


def list_all(run: Run) -> int:
    """List the prompts you may get, with their arguments; those in brackets are optional.

    Example: ambassador-client prompts list
    """
    rows = [
        {"prompt": each["name"], "arguments": _arguments_text(each), "description": description(each)}
        for each in run.server.prompts()
    ]
    if not rows:
        run.say("You have no prompts. Run: ambassador-client catalog list")
    if rows or run.output is not None:
        show_rows(rows, run.output)
    return 0


def get(run: Run, name: _Name, arguments: _Arguments = None, save: _SaveDirectory = None) -> int:
    """Get a prompt with its arguments filled in: the messages that it begins a conversation with.

    Example: ambassador-client prompts get github__review number=17
    """
    listed = by_name(run.server.prompts())
    # Without such a prompt the request is sent as well, so that the server refuses it and records that.
    prompt = lookup(listed, name)
    values = _values(prompt, arguments or [])
    wanted = name if prompt is None else str(prompt["name"])
    try:
        result = request(
            run, wanted, lambda progress, answer: run.server.prompt(wanted, values, progress, answer)
        )
    except CallError as error:
        raise explain(run, "prompt", listed, name, error) from None
    if is_for_programs(run.output):
        show(result, run.output)
    else:
        show_messages(result, FileSaver(save, wanted))
    return 0


def _values(prompt: Mapping[str, Any] | None, pairs: list[str]) -> dict[str, Any]:
    """Return the arguments, which are texts. Raises UsageError for one that the prompt does not have or lacks."""
    declared = {} if prompt is None else {each["name"]: each for each in _declared(prompt)}
    schema = {
        "properties": {name: {"type": "string"} for name in declared},
        "required": [name for name, each in declared.items() if each.get("required") is True],
    }
    values = read_arguments(schema, pairs, None, allow_unknown=True, files=ArgumentFiles())
    unknown = next((each for each in values if each not in declared), None)
    if prompt is not None and unknown is not None:
        raise UsageError(
            f"the prompt takes no argument {unknown[:60]!r}", f"It takes: {', '.join(declared) or 'none'}."
        )
    return values


def _arguments_text(prompt: Mapping[str, Any]) -> str:
    return " ".join(
        each["name"] if each.get("required") is True else f"[{each['name']}]" for each in _declared(prompt)
    )


def _declared(prompt: Mapping[str, Any]) -> list[dict[str, Any]]:
    declared = prompt.get("arguments")
    items = declared if isinstance(declared, list) else []
    return [each for each in items if isinstance(each, dict) and isinstance(each.get("name"), str)]
