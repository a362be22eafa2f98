"""The `access` commands: show who may use a tool, a resource or a prompt, and why."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_admin.api import access
from ambassador_admin.cli.access_path import draw_path
from ambassador_admin.cli.approval_options import approval_text
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.policy_cases import KINDS, PolicyCase, read_cases
from ambassador_admin.cli.token_options import NO_TOKEN, TokenOptions, asked_token, claimed_text
from ambassador_admin.cli.users import USER
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ExitCode, RefusedError, UsageError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.access import (
    AccessView,
    CallableToolView,
    PermittedUserView,
    ReachingClaimView,
    RuleView,
    UsablePromptView,
    UsableResourceView,
)
from ambassador_protocol.problems import ProblemCode

ACCESS = View(
    "decisions",
    (
        Column("USER", "user", whole=True),
        Column("KEY", "key"),
        Column("ISSUER", "issuer"),
        Column("CLAIMED GROUPS", "claimed_groups", claimed_text),
        *(Column(kind.upper(), kind, whole=True) for kind in KINDS),
        Column("ALLOWED", "allowed", status=True),
        Column("CONSTRAINED", "constrained"),
        Column("APPROVAL", "approval", approval_text),
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
        Column("CONSTRAINED", "constrained", wide=True),
        Column("KEYS", "keys"),
    ),
    fields_of(CallableToolView),
)

RESOURCE = View(
    "resources",
    (
        Column("URI", "pattern", whole=True),
        Column("MCP", "mcp"),
        Column("PUBLISHED AS", "published_as", wide=True),
        Column("KEYS", "keys"),
    ),
    fields_of(UsableResourceView),
)
PROMPT = View(
    "prompts",
    (
        Column("PROMPT", "pattern", whole=True),
        Column("MCP", "mcp", wide=True),
        Column("PUBLISHED AS", "published_as"),
        Column("KEYS", "keys"),
    ),
    fields_of(UsablePromptView),
)

PERMITTED_USER = View(
    "users",
    (*USER.columns, Column("CONSTRAINED", "constrained"), Column("ISSUERS", "issuers", wide=True)),
    fields_of(PermittedUserView),
)
FORMER_USER = replace(
    PERMITTED_USER,
    columns=(
        *PERMITTED_USER.columns,
        Column("EXPIRED GRANT", "expired_grant", id=True),
        Column("EXPIRED", "expired_at", relative_time),
    ),
)

CLAIM = View(
    "claims",
    (
        Column("ISSUER", "issuer", whole=True),
        Column("CLAIMED GROUP", "claimed", whole=True),
        Column("GROUP", "group"),
        Column("CONSTRAINED", "constrained"),
    ),
    fields_of(ReachingClaimView),
)

CASE = View(
    "cases",
    (
        Column("USER", "user", whole=True),
        *(Column(kind.upper(), kind, whole=True) for kind in KINDS),
        Column("EXPECTED", "expected"),
        Column("GOT", "got"),
        Column("HOLDS", "holds", status=True),
        Column("REMEDY", "remedy"),
    ),
    ("user", "key", *KINDS, "expected", "got", "holds", "remedy"),
)

_OF_KEYS, _OF_TOKENS = ("key",), ("issuer", "claimed_groups")
_UNKNOWN = "not found"
_VERBS = {"tool": "call", "resource": "read", "prompt": "get"}

app = noun("Who may use which tool, resource or prompt, and why.")

Resource = Annotated[
    str | None, typer.Option("--resource", metavar="URI", help="A resource instead of a tool, by its URI.")
]
Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt", metavar="NAME", help="A prompt instead of a tool, as mcp.prompt or as published."
    ),
]

Arguments = Annotated[
    str | None,
    typer.Option(
        "--args",
        metavar="JSON",
        help="The arguments of a call of the tool; by default those that permit most.",
    ),
]


@verb(app, "explain")
def explain(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user who uses it."), NameKind.USER],
    tool: Annotated[
        str | None, typer.Argument(metavar="TOOL", help="The tool, as mcp.tool or as it is published.")
    ] = None,
    resource: Resource = None,
    prompt: Prompt = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="KEY", help="A key of the user, by name or id; by default the best one."
        ),
        NameKind.KEY,
    ] = None,
    token: TokenOptions = NO_TOKEN,
    args: Arguments = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with code 1 if the user may not use it.")
    ] = False,
) -> None:
    """Show whether a user may use something now, the rule that decides, the others, and what would change the decision.

    It is a tool, or what --resource or --prompt names. What is CONSTRAINED is allowed with certain arguments only; the
    rules say which, and --args tells whether they permit these. With --issuer it is about a request with an access
    token instead of a key.

    Example: ambassador-admin access explain alice time.get_current_time --check
    """
    kind, name = _asked(tool, resource, prompt)
    if args is not None and kind != "tool":
        raise UsageError("--args goes with a tool.", hint="ambassador-admin access explain --help")
    issuer, claimed = asked_token(admin, user, key, token)
    explained = admin.api.fetch(
        access.explain(user, kind, name, key, args, issuer=issuer, claimed_groups=claimed)
    )
    absent = _OF_KEYS if issuer else _OF_TOKENS
    admin.output.record(_about(ACCESS, [kind], absent), explained)
    # In program formats the rules are part of the object; for people they are a second table.
    if admin.output.fields is None and admin.output.format in (Format.TABLE, Format.WIDE):
        admin.output.write("")
        draw_path(admin.output, explained)
        admin.output.write("")
        admin.output.rows(RULE, iter(explained["rules"]))
    if check and not explained["allowed"]:
        raise AdminError(
            f"{explained['user']} may not {_VERBS[kind]} {explained[kind]}: {explained['reason']}.",
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
    resources: Annotated[bool, typer.Option("--resources", help="List resources instead of tools.")] = False,
    prompts: Annotated[bool, typer.Option("--prompts", help="List prompts instead of tools.")] = False,
    token: TokenOptions = NO_TOKEN,
) -> None:
    """List the tools that a user may call now, and the keys with which that is so; or the resources or prompts.

    With --issuer it lists what an access token of that issuer may, which names the groups of --claimed-group.

    Example: ambassador-admin access list alice --filter tool_class=destructive
    """
    if resources and prompts:
        raise UsageError(
            "--resources and --prompts exclude each other.", hint="ambassador-admin access list --help"
        )
    kind = "resource" if resources else "prompt" if prompts else "tool"
    views = {"tool": TOOL, "resource": RESOURCE, "prompt": PROMPT}
    issuer, claimed = asked_token(admin, user, key, token)
    request = access.usable(kind, user, key, issuer=issuer, claimed_groups=claimed)
    list_options.show(admin, request, views[kind])


@verb(app, "who-can", watch=True)
def who_can(
    admin: Invocation,
    list_options: ListOptions,
    tool: Annotated[
        str | None,
        typer.Argument(
            metavar="TOOL", help="The tool, or a pattern of tools, in which '*' matches anything."
        ),
    ] = None,
    resource: Resource = None,
    prompt: Prompt = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Also list users who may not any more: their grant has expired.")
    ] = False,
    claims: Annotated[
        bool,
        typer.Option(
            "--claims", help="List which groups of which issuers give it to a token, instead of users."
        ),
    ] = False,
) -> None:
    """List the users who may use something now: a tool, what --resource or --prompt names, or a match of a pattern.

    Example: ambassador-admin access who-can 'time.*'
    """
    kind, name = _asked(tool, resource, prompt)
    if claims:
        if expired:
            raise UsageError(
                "--claims and --expired exclude each other.", hint="ambassador-admin access who-can --help"
            )
        list_options.show(admin, access.claims(kind, name), CLAIM)
        return
    view = FORMER_USER if expired else PERMITTED_USER
    list_options.show(admin, access.who_can(kind, name, expired=expired), view)


def _asked(tool: str | None, resource: str | None, prompt: str | None) -> tuple[str, str]:
    """Return the kind and the name of what a command is about."""
    given = [
        (kind, name) for kind, name in zip(KINDS, (tool, resource, prompt), strict=True) if name is not None
    ]
    if len(given) != 1:
        raise UsageError("Name one tool, or one --resource, or one --prompt.")
    return given[0]


def _about(view: View, kinds: Collection[str], absent: Collection[str] = ()) -> View:
    """Return the view without the columns of kinds that nothing in it is about, and without these others."""
    columns = [
        each
        for each in view.columns
        if (each.field not in KINDS or each.field in kinds) and each.field not in absent
    ]
    return replace(view, columns=tuple(columns))


@verb(app, "test")
def test(
    admin: Invocation,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="YAML: a list `cases` of user, expect, and tool (with its arguments), resource or prompt; - reads "
            "standard input.",
        ),
    ],
) -> None:
    """Compare the policy in force with the expectations in a file; exit code 1 when one is not met.

    A case that names something that does not exist is not met, whatever it expects.

    Example: ambassador-admin access test policy-cases.yaml
    """
    cases = read_cases(file, admin.environment.stdin)
    results = [_result(admin, case) for case in cases]
    admin.output.rows(_about(CASE, {case.kind for case in cases}), iter(results))
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
        **dict.fromkeys(KINDS),
        case.kind: case.name,
        "expected": case.expect if case.reason is None else f"{case.expect} ({case.reason})",
    }
    try:
        answer = admin.api.fetch(
            access.explain(
                case.user,
                case.kind,
                case.name,
                case.key,
                case.arguments,
                issuer=case.issuer,
                claimed_groups=case.claimed_groups,
            )
        )
    except RefusedError as error:
        if error.exit_code is not ExitCode.NOT_FOUND:
            raise
        return result | {"got": _UNKNOWN, "holds": False, "remedy": error.message}
    return result | {
        "key": answer["key"],
        case.kind: answer[case.kind],
        "got": "permit" if answer["allowed"] else f"deny ({answer['reason']})",
        "holds": case.matches(answer),
        "remedy": answer["remedy"],
    }
