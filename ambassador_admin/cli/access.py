"""The `access` commands: show who may call a tool, and why."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_admin.api import access
from ambassador_admin.cli.access_path import draw_path
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.policy_cases import PolicyCase, read_cases
from ambassador_admin.cli.users import USER
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ExitCode, RefusedError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column, fields_of
from ambassador_protocol.admin.access import AccessView, CallableToolView, RuleView
from ambassador_protocol.problems import ProblemCode

ACCESS = View(
    "decisions",
    (
        Column("USER", "user", whole=True),
        Column("KEY", "key"),
        Column("TOOL", "tool", whole=True),
        Column("ALLOWED", "allowed", status=True),
        Column("REASON", "reason"),
        Column("REMEDY", "remedy"),
    ),
    fields_of(AccessView),
)

RULE = View(
    "rules",
    (
        Column("RULE", "kind", status=True),
        Column("ID", "id", id=True),
        Column("SAYS", "says"),
        Column("DECIDES", "decides"),
        Column("NOT APPLIED BECAUSE", "why"),
    ),
    fields_of(RuleView),
)

TOOL = View(
    "tools",
    (
        Column("TOOL", "pattern", whole=True),
        Column("CLASS", "tool_class"),
        Column("MCP", "mcp", wide=True),
        Column("PUBLISHED AS", "published_as"),
        Column("KEYS", "keys"),
    ),
    fields_of(CallableToolView),
)

CASE = View(
    "cases",
    (
        Column("USER", "user", whole=True),
        Column("TOOL", "tool", whole=True),
        Column("EXPECTED", "expected"),
        Column("GOT", "got"),
        Column("HOLDS", "holds", status=True),
        Column("REMEDY", "remedy"),
    ),
    ("user", "key", "tool", "expected", "got", "holds", "remedy"),
)

_UNKNOWN = "not found"

app = noun("Who may call which tool, and why.")

Tool = Annotated[str, typer.Argument(metavar="TOOL", help="The tool, as mcp.tool or as it is published.")]


@verb(app, "explain")
def explain(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user who calls it."), NameKind.USER],
    tool: Tool,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="A key of the user, by name or id; by default the best one.",
        ),
        NameKind.KEY,
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with code 1 if the user may not call the tool.")
    ] = False,
) -> None:
    """Show whether a user may call a tool now, the rule that decides, the others, and what would change the decision.

    Example: ambassador-admin access explain alice time.get_current_time --check
    """
    explained = admin.api.fetch(access.explain(user, tool, key))
    admin.output.record(ACCESS, explained)
    # In program formats the rules are part of the object; for people they are a second table.
    if admin.output.fields is None and admin.output.format in (Format.TABLE, Format.WIDE):
        admin.output.write("")
        draw_path(admin.output, explained)
        admin.output.write("")
        admin.output.rows(RULE, iter(explained["rules"]))
    if check and not explained["allowed"]:
        raise AdminError(
            f"{explained['user']} may not call {explained['tool']}: {explained['reason']}.",
            code=ProblemCode.DENIED,
            hint=explained["remedy"],
        )


@verb(app, "list", watch=True)
def list_tools(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user who calls."), NameKind.USER],
    list_options: ListOptions,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Only with this key of the user, by name or id."),
        NameKind.KEY,
    ] = None,
) -> None:
    """List the tools that a user may call now, and the keys with which that is so.

    Example: ambassador-admin access list alice --filter tool_class=destructive
    """
    list_options.show(admin, access.tools(user, key), TOOL)


@verb(app, "who-can", watch=True)
def who_can(
    admin: Invocation,
    tool: Annotated[
        str,
        typer.Argument(
            metavar="TOOL", help="The tool, or a pattern of tools, in which '*' matches anything."
        ),
    ],
    list_options: ListOptions,
) -> None:
    """List the users who may call a tool now, or any published tool that matches a pattern.

    Example: ambassador-admin access who-can 'time.*'
    """
    list_options.show(admin, access.who_can(tool), USER)


@verb(app, "test")
def test(
    admin: Invocation,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="YAML: a list `cases` of user, tool and expect; - reads standard input."
        ),
    ],
) -> None:
    """Compare the policy in force with the expectations in a file; exit code 1 when one is not met.

    A case that names a user, a key or a tool that does not exist is not met, whatever it expects.

    Example: ambassador-admin access test policy-cases.yaml
    """
    results = [_result(admin, case) for case in read_cases(file, admin.environment.stdin)]
    admin.output.rows(CASE, iter(results))
    failed = sum(not result["holds"] for result in results)
    unknown = sum(result["got"] == _UNKNOWN for result in results)
    if failed:
        names = f" {unknown} of them name something that does not exist." if unknown else ""
        raise AdminError(
            f"{failed} of {len(results)} cases do not have the expected result.{names}",
            code=ProblemCode.CASES_FAILED,
        )


def _result(admin: Invocation, case: PolicyCase) -> dict[str, Any]:
    """Return the row of one case; one that names something unknown fails, whatever it expects."""
    result = {
        "user": case.user,
        "key": case.key,
        "tool": case.tool,
        "expected": case.expect if case.reason is None else f"{case.expect} ({case.reason})",
    }
    try:
        answer = admin.api.fetch(access.explain(case.user, case.tool, case.key))
    except RefusedError as error:
        if error.exit_code is not ExitCode.NOT_FOUND:
            raise
        return result | {"got": _UNKNOWN, "holds": False, "remedy": error.message}
    return result | {
        "key": answer["key"],
        "tool": answer["tool"],
        "got": "permit" if answer["allowed"] else f"deny ({answer['reason']})",
        "holds": case.matches(answer),
        "remedy": answer["remedy"],
    }
