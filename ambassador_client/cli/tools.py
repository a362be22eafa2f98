"""The commands `tools` and `call`: list the tools that an AI application would get, and call one."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_client.cli.argument_files import ArgumentFiles
from ambassador_client.cli.argument_rows import argument_rows
from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.missing_credentials import HINT, missing_credentials, missing_text
from ambassador_client.cli.offered import by_name, description, explain, lookup, not_found, request
from ambassador_client.cli.output import Format, is_for_programs, show, show_rows
from ambassador_client.cli.server_client import CallError
from ambassador_client.cli.stops import stop_texts
from ambassador_client.cli.tool_arguments import read_arguments
from ambassador_client.cli.tool_result import (
    FileSaver,
    NotApprovedError,
    ToolFailedError,
    denial_of,
    show_result,
)
from ambassador_protocol.param_headers import InvalidAnnotationError, param_headers, read_header_map
from ambassador_protocol.paths import ME

_Name = Annotated[str, typer.Argument(metavar="TOOL", help="The name of the tool.")]
_Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Arguments, converted to the types of the tool; KEY=@FILE and KEY=@- read the value.",
    ),
]
_GivenJson = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="JSON", help="All arguments as a JSON object; @FILE for a file, - for stdin."
    ),
]
_SaveDirectory = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", help="Write images and other data to files in this directory."),
]
_AllowUnknown = Annotated[
    bool, typer.Option("--allow-unknown", help="Send also arguments that the tool does not declare.")
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("The tools you may call.")
    command(group, "list", list_all)
    command(group, "show", show_tool)
    command(group, "search", search)
    app.add_typer(group, name="tools")
    command(app, "call", call, changes=True)


def list_all(run: Run) -> int:
    """List the tools you may call.

    Example: ambassador-client tools list
    """
    _show_tools(run, run.server.tools())
    return 0


def search(
    run: Run, word: Annotated[str, typer.Argument(metavar="WORD", help="Part of a name or a description.")]
) -> int:
    """List the tools whose name or description contains a word.

    Example: ambassador-client tools search issue
    """
    wanted = word.casefold()
    tools = run.server.tools()
    _show_tools(
        run, [each for each in tools if wanted in f"{each['name']} {each.get('description')}".casefold()]
    )
    return 0


def show_tool(run: Run, name: _Name) -> int:
    """Show a tool: its description and its arguments.

    Example: ambassador-client tools show time__get_current_time
    """
    tool = _find(run, name)
    if is_for_programs(run.output):
        show(tool, run.output)
        return 0
    show({"name": tool["name"], "class": _effect_class(tool), "description": description(tool)}, run.output)
    if run.output is not Format.NAME and (rows := argument_rows(_input_schema(tool))):
        sys.stdout.write("\n")
        show_rows(rows, None)
    return 0


def call(
    run: Run,
    name: _Name,
    arguments: _Arguments = None,
    given: _GivenJson = None,
    save: _SaveDirectory = None,
    allow_unknown: _AllowUnknown = False,
) -> int:
    """Call a tool. Text goes to standard output, progress and messages to standard error.

    An image is shown where the terminal can (kitty, iTerm2, sixel), else saved to a temporary file or with --save.
    Sixel needs the library pillow: `pipx inject mcp-ambassador pillow`.

    A repeated key makes a list; a.b=1 sets a member of an object. key=@file.txt takes the value from a file, key=@-
    from standard input; key=@@text is the text @text.

    Example: ambassador-client call time__get_current_time timezone=Europe/Zurich
    """
    listed = by_name(run.server.tools())
    # Without such a tool the call is sent as well, so that the server refuses it and records that.
    tool = lookup(listed, name) or {"name": name}
    files = ArgumentFiles()
    text = files.standard_input("--json") if given == "-" else given and files.expand("--json", given)
    values = read_arguments(
        _input_schema(tool), arguments or [], text, allow_unknown=allow_unknown, files=files
    )
    try:
        result = _call_tool(run, tool, values)
    except CallError as error:
        raise explain(run, "tool", listed, name, error) from None
    denial = denial_of(result)
    if is_for_programs(run.output):
        show(result, run.output)
    elif denial is None:
        show_result(result, FileSaver(save, str(tool["name"])))
    if denial is not None:
        raise NotApprovedError(denial, result)
    if result.get("isError") is True:
        raise ToolFailedError(f"{tool['name']} ran and failed", "Its output says why.")
    return 0


def _find(run: Run, name: str) -> Mapping[str, Any]:
    listed = by_name(run.server.tools())
    tool = lookup(listed, name)
    if tool is None:
        raise not_found(run, "tool", listed, name)
    return tool


def _argument_headers(tool: Mapping[str, Any], arguments: dict[str, Any]) -> dict[str, str]:
    try:
        return param_headers(read_header_map(json.dumps(dict(tool)).encode()), arguments)
    except (InvalidAnnotationError, UnicodeEncodeError):
        return {}


def _call_tool(run: Run, tool: Mapping[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    name, headers = str(tool["name"]), _argument_headers(tool, arguments)
    return request(
        run, name, lambda progress, answer: run.server.call(name, arguments, headers, progress, answer)
    )


def _show_tools(run: Run, tools: list[dict[str, Any]]) -> None:
    rows = [
        {"tool": each["name"], "class": _effect_class(each), "description": description(each)}
        for each in tools
    ]
    me = run.server.request("GET", ME)
    stopped = stop_texts(me)
    for text in stopped:
        run.say(text)
    if names := missing_credentials(me):
        run.say(f"{missing_text(names)}. {HINT}")
    if not rows and not stopped:
        run.say("You have no such tool. Run: ambassador-client catalog list")
    if rows or run.output is not None:
        show_rows(rows, run.output)


def _input_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = tool.get("inputSchema")
    return schema if isinstance(schema, dict) else {}


def _effect_class(tool: Mapping[str, Any]) -> str:
    values = tool.get("annotations")
    hints = values if isinstance(values, dict) else {}
    if hints.get("readOnlyHint") is True:
        return "read-only"
    return "write" if hints.get("destructiveHint") is False else "destructive"
