"""The commands `credential`: what MCPs need of the user; values are read from a prompt, stdin or a reference."""

import re
import sys
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.output import Format, is_for_programs, show, show_rows
from ambassador_client.cli.secret_input import literal_refused, read_value
from ambassador_client.errors import BadAnswerError, NotFoundError, UsageError
from ambassador_protocol.paths import OWN_CREDENTIALS
from ambassador_protocol.references import parse_reference

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")

_Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The name of the MCP.")]
_Field = Annotated[
    str | None, typer.Argument(metavar="FIELD", help="The name of one value; without it all that are needed.")
]
_From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        help="Read the value from env://NAME, file://PATH or - (stdin), not from a prompt.",
    ),
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("Your credentials for MCPs: what you have given, and what is missing.")
    command(group, "list", list_all)
    command(group, "set", set_values, changes=True)
    command(group, "remove", remove, changes=True)
    app.add_typer(group, name="credential")


def list_all(run: Run) -> int:
    """List the MCPs that need a credential of yours, and what is missing. No value is shown.

    Example: ambassador-client credential list
    """
    found = run.server.request("GET", OWN_CREDENTIALS).get("credentials")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _unreadable()
    if is_for_programs(run.output):
        show_rows(found, run.output)
    elif found:
        show_rows([row(each) for each in found], run.output)
    else:
        run.say("No MCP that you are granted needs a credential of yours.")
    return 0


def set_values(run: Run, mcp: _Mcp, field: _Field = None, source: _From = None) -> int:
    """Give a value that an MCP needs of you, or replace it. The server stores it encrypted and never shows it.

    Without FIELD you are asked for each value; an empty line keeps what is stored.

    Example: ambassador-client credential set github token --from env://TOKEN
    """
    if source is not None and source != "-" and parse_reference(source) is None:
        raise literal_refused()
    known = run.server.request("GET", own_path(mcp))
    fields = _fields(known)
    if field is None and len(fields) > 1 and (source is not None or not sys.stdin.isatty()):
        names = ", ".join(each["name"] for each in fields)
        raise UsageError(f"{mcp} needs several values: {names}", "Name one of them.")
    chosen = [_find(mcp, fields, field)] if field is not None or len(fields) == 1 else fields
    if not chosen:
        raise UsageError(
            f"{mcp} needs no value of yours",
            f"Run: ambassador-client connect {mcp}" if known.get("needs_connect") else "",
        )
    values = _read(run, chosen, source)
    if not values:
        run.say("Nothing was changed.")
        return 0
    _show(run, run.server.request("PUT", own_path(mcp), {"values": values}))
    return 0


def remove(run: Run, mcp: _Mcp, field: _Field = None) -> int:
    """Remove a value that you have given, or all values for an MCP. The server deletes them.

    Example: ambassador-client credential remove github
    """
    if field is not None and _FIELD_NAME.fullmatch(field) is None:
        raise _no_field(mcp, [])
    query = "" if field is None else f"?field={quote(field, safe='')}"
    run.server.request("DELETE", f"{own_path(mcp)}{query}")
    run.say(f"The server has no {'values' if field is None else field} of yours for {mcp} any more.")
    return 0


def _read(run: Run, chosen: list[dict[str, Any]], source: str | None) -> dict[str, str]:
    values = {}
    for each in chosen:
        name = each["name"]
        if len(chosen) == 1:
            values[name] = read_value(source, partial(_ask, run, each))
        elif typed := _ask(run, each):
            values[name] = typed
    return values


def _ask(run: Run, field: dict[str, Any]) -> str:
    if field.get("help"):
        run.say(str(field["help"]))
    title = str(field.get("title") or field["name"])
    state = "stored, empty keeps it" if field.get("given") else None if field.get("required") else "optional"
    return run.prompt_secret(f"{title}{f' ({state})' if state else ''}: ")


def _find(mcp: str, fields: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    names = [each["name"] for each in fields]
    found = next((each for each in fields if name in (each["name"], None)), None)
    if found is None:
        raise _no_field(mcp, names, name)
    return found


def _no_field(mcp: str, names: list[str], name: str | None = None) -> NotFoundError | UsageError:
    if name is None or _FIELD_NAME.fullmatch(name) is None:
        # It may be the value itself, which is shown to nobody.
        return UsageError(
            f"FIELD is not the name of a value of {mcp}",
            "A value is never given on the command line: --from -",
        )
    near = get_close_matches(name, names, n=3)
    known = " or ".join(near or names)
    # Only a misspelt name is repeated: another word may be the value, too.
    which = repr(name) if near else "of this name"
    return NotFoundError(f"{mcp} needs no value {which}", f"Did you mean {known}?" if known else "")


def own_path(mcp: str) -> str:
    """Return the path of the own credential for an MCP."""
    if not mcp.strip("."):
        raise UsageError(f"{mcp!r} is not the name of an MCP", "Run: ambassador-client credential list")
    return f"{OWN_CREDENTIALS}/{quote(mcp, safe='')}"


def _fields(known: dict[str, Any]) -> list[dict[str, Any]]:
    fields = known.get("fields")
    if not isinstance(fields, list) or not all(isinstance(each.get("name"), str) for each in fields):
        raise _unreadable()
    return fields


def _show(run: Run, known: dict[str, Any]) -> None:
    show(known if is_for_programs(run.output) else row(known), run.output)
    if run.output is Format.NAME or is_for_programs(run.output) or not _fields(known):
        return
    sys.stdout.write("\n")
    columns = {"field": "name", "title": "title", "required": "required", "given": "given"}
    show_rows([{title: each.get(name) for title, name in columns.items()} for each in _fields(known)], None)


def row(known: dict[str, Any]) -> dict[str, Any]:
    """Return what people see of a credential in one line."""
    connected = ("yes" if known.get("connected") else "no") if known.get("needs_connect") else None
    return {
        "mcp": known.get("mcp"),
        "status": known.get("status"),
        "missing": known.get("missing"),
        "connected": connected,
        "updated": known.get("updated_at"),
    }


def _unreadable() -> BadAnswerError:
    return BadAnswerError(
        "the server's answer cannot be read", "Check that client and server have the same version."
    )
