"""The command `mcp transform`: changes how the tools of an MCP are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from ambassador_admin.api import mcps
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.mcps import Name, warn_of_tools
from ambassador_admin.cli.parsing import parse_pairs
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import NotFoundError, UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, duration, fields_of
from ambassador_protocol.admin.tool_transforms import EVERY_TOOL, ToolTransformBody, short_transforms
from ambassador_protocol.json_text import parse_value

TRANSFORM = View(
    "transforms",
    (
        Column("MCP", "mcp", whole=True),
        Column("TOOL", "tool", whole=True),
        Column("NAME", "name"),
        Column("DESCRIPTION", "description"),
        Column("SUFFIX", "description_suffix"),
        Column("HIDDEN", "hidden"),
        Column("FIXED", "fixed_arguments"),
        Column("DEFAULTS", "default_arguments"),
        Column("ANNOTATIONS", "annotations"),
        Column("RESULT BYTES", "result_bytes"),
        Column("TIMEOUT", "call_timeout_seconds", duration),
    ),
    ("mcp", "tool", *fields_of(ToolTransformBody)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformOptions:
    """What is changed of a tool; an option that is not given changes nothing."""

    rename: Annotated[
        str | None,
        typer.Option("--rename", metavar="NAME", help="The name to publish it by; '' for its own."),
    ] = None
    description: Annotated[
        str | None,
        typer.Option("--description", metavar="TEXT", help="Its description; '' for the MCP's own."),
    ] = None
    description_suffix: Annotated[
        str | None,
        typer.Option(
            "--description-suffix", metavar="TEXT", help="A text behind its description; '' for none."
        ),
    ] = None
    hide: Annotated[
        bool | None,
        typer.Option("--hide/--show", help="Whether it is neither listed nor callable."),
    ] = None
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            "--fixed",
            metavar="KEY=JSON",
            help="An argument that every call gets and no caller can send; may be repeated; 'KEY=' for none.",
        ),
    ] = None
    default: Annotated[
        list[str] | None,
        typer.Option(
            "--default",
            metavar="KEY=JSON",
            help="An argument that a call gets unless the caller sends it; may be repeated; 'KEY=' for none.",
        ),
    ] = None
    annotation: Annotated[
        list[str] | None,
        typer.Option(
            "--annotation",
            metavar="HINT=JSON",
            help="readOnlyHint, destructiveHint, idempotentHint or openWorldHint, each true or false, or a title; may "
            "be repeated; 'HINT=' for the MCP's own.",
        ),
    ] = None
    result_bytes: Annotated[
        int | None,
        typer.Option(
            "--result-bytes",
            metavar="N",
            min=0,
            help="The largest result; a larger one is an error; 0 for any.",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0, help="The deadline of one call; 0 for that of the MCP."
        ),
    ] = None

    def applied(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the transform of a tool with what is given."""
        after = dict(before)
        if self.rename is not None:
            after["name"] = self.rename or None
        if self.description is not None:
            after["description"] = self.description or None
        if self.description_suffix is not None:
            after["description_suffix"] = self.description_suffix or None
        if self.hide is not None:
            after["hidden"] = self.hide
        for member, option, given in (
            ("fixed_arguments", "--fixed", self.fixed),
            ("default_arguments", "--default", self.default),
            ("annotations", "--annotation", self.annotation),
        ):
            if given is not None:
                after[member] = _merged(before.get(member, {}), option, given)
        if self.result_bytes is not None:
            after["result_bytes"] = self.result_bytes or None
        if self.timeout is not None:
            after["call_timeout_seconds"] = self.timeout or None
        return after


def register(group: typer.Typer) -> None:
    """Register `mcp transform`."""
    verb(group, "transform", changes=True)(transform)


def transform(
    admin: Invocation,
    name: Name,
    described: TransformOptions,
    tool: Annotated[
        str | None,
        typer.Argument(
            metavar="TOOL",
            help="The MCP's own name of the tool; '*' for all its tools; without it, all are listed.",
        ),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Undo all changes of the tool first; without TOOL, of all tools.")
    ] = False,
) -> None:
    """Change how a tool of an MCP is published: its name, description, arguments, annotations and bounds.

    Grants, kill switches and the audit know a tool by its new name. The approval is about the MCP's own definition, so
    this needs none. Without options, what is changed is shown.

    Example: ambassador-admin mcp transform git log --rename history
    """
    entry, revision = admin.api.fetch_with_revision(mcps.show(name))
    before = dict(entry.get("transforms", {}))
    own = tool if tool is None or tool in before else tool.removeprefix(f"{name}.")
    if own is None and described != TransformOptions():
        raise UsageError(
            "Name the tool to change.", hint=f"ambassador-admin mcp tools {name}; '*' stands for all tools"
        )
    if own is not None and own not in before and (reset or described == TransformOptions()):
        _check_tool(admin, name, own)
    if not reset and described == TransformOptions():
        _show(admin, name, before, own)
        return
    if own is None:
        after: dict[str, Any] = {}
    else:
        after = {**before, own: described.applied({} if reset else before.get(own, {}))}
    request = mcps.set_transforms(name, short_transforms(after), revision=revision)
    changed = admin.send_change(request, TRANSFORM)
    if changed is not None:
        _show(admin, name, changed.get("transforms", {}), own)
        warn_of_tools(admin, changed)


def _check_tool(admin: Invocation, mcp: str, tool: str) -> None:
    """Raise NotFoundError, with similar names, for a tool that the MCP does not have."""
    names = {str(each["own_name"]): str(each["name"]) for each in admin.api.items(mcps.tools(mcp))}
    if tool != EVERY_TOOL and tool not in names:
        near = [own for own, name in names.items() if name == f"{mcp}.{tool}"]
        near = near or get_close_matches(tool, names)
        raise NotFoundError(
            f"MCP {mcp!r} has no tool {tool!r}.",
            hint=f"did you mean {' or '.join(near)}?" if near else f"ambassador-admin mcp tools {mcp}",
        )


def _show(admin: Invocation, mcp: str, transforms: Mapping[str, Any], tool: str | None) -> None:
    """Show what is changed of one tool, or list what is changed of all."""
    rows = [_row(mcp, name, members) for name, members in transforms.items()]
    if tool is None:
        admin.output.rows(TRANSFORM, rows)
    else:
        admin.output.record(TRANSFORM, _row(mcp, tool, transforms.get(tool, {})))


def _row(mcp: str, tool: str, members: Mapping[str, Any]) -> dict[str, Any]:
    empty = dict.fromkeys(fields_of(ToolTransformBody))
    maps: dict[str, Any] = {"fixed_arguments": {}, "default_arguments": {}, "annotations": {}}
    return {"mcp": mcp, "tool": tool, **empty, **maps, **members}


def _merged(before: Mapping[str, Any], option: str, given: list[str]) -> dict[str, Any]:
    """Return the values with those given; an empty text removes one."""
    after = dict(before)
    for key, text in parse_pairs(given, option).items():
        if text:
            after[key] = _value(option, key, text)
        elif key in after:
            del after[key]
        else:
            near = get_close_matches(key, after)
            raise UsageError(
                f"{option}: there is no {key!r} to remove.",
                hint=f"did you mean {' or '.join(near)}?" if near else None,
            )
    return after


def _value(option: str, key: str, text: str) -> Any:
    try:
        return parse_value(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {key}: {text[:60]!r} {error}.",
            hint=f"""a text needs quotes of its own: {option} '{key}="{text[:60]}"'""",
        ) from None
