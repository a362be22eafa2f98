"""The `credential` commands: what credentials MCPs need."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer

from ambassador_admin.api import mcps
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.credential_options import FieldOptions, OAuthOptions
from ambassador_admin.cli.mcps import warn_of_tools
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ExitCode
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of
from ambassador_protocol.admin.credential_needs import CredentialFieldBody, OAuthBody, without_defaults
from ambassador_protocol.problems import ProblemCode

OAUTH: Final = "oauth"
"""The name under which access by OAuth is shown and removed; no field has it."""
_TOKEN: Final = CredentialFieldBody(
    name=OAUTH, place="header", target="Authorization", template="Bearer {}", title="Access by OAuth"
)

_GIVEN_BY: Final = {"user": "each user", "service_account": "the service account"}

FIELD = View(
    "fields",
    (
        Column("FIELD", "name", whole=True),
        Column("PLACE", "place"),
        Column("TARGET", "target"),
        Column("TEMPLATE", "template"),
        Column("GIVEN BY", "given_by"),
        Column("REQUIRED", "required"),
        Column("SECRET", "secret"),
        Column("TITLE", "title"),
        Column("HELP", "help", wide=True),
        Column("LISTED WITH", "listing_reference", wide=True),
        Column("OAUTH", "oauth", wide=True),
    ),
    ("mcp", *fields_of(CredentialFieldBody), "given_by", "oauth"),
)

app = noun("The credentials that MCPs need, and who has given them.")

Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The MCP's name."), NameKind.MCP]
Field = Annotated[
    str, typer.Argument(metavar="FIELD", help="A name of your choice, such as token, in lower-case letters.")
]
NoTest = Annotated[
    bool,
    typer.Option("--no-test", help="Store it for a published MCP without testing its connection first."),
]


@verb(app, "declare", changes=True)
def declare(
    admin: Invocation, mcp: Mcp, field: Field, described: FieldOptions, no_test: NoTest = False
) -> None:
    """Declare a value that an MCP needs, in the place of an earlier declaration of the same field.

    Without --from each user gives a value of their own, and no user ever gets another's. A published MCP reconnects.

    Example: ambassador-admin credential declare wiki key --header X-Api-Key
    """
    member = described.member(field)

    def put(needs: dict[str, Any]) -> None:
        fields = list(needs.get("fields", []))
        at = next((index for index, each in enumerate(fields) if each.get("name") == field), len(fields))
        needs["fields"] = [*fields[:at], member, *fields[at + 1 :]]

    changed = _change(admin, mcp, put, field, test=not no_test)
    if changed is not None and described.reference is None:
        admin.output.advise(f"Users give their value with: ambassador-client credential set {mcp}")


@verb(app, "oauth", changes=True)
def oauth(admin: Invocation, mcp: Mcp, described: OAuthOptions, no_test: NoTest = False) -> None:
    """Declare that an MCP is accessed by OAuth, in the place of an earlier declaration.

    Without options all is found by discovery, and each user connects an account of their own.

    Example: ambassador-admin credential oauth github --scope repo
    """
    member = described.member()
    changed = _change(admin, mcp, lambda needs: needs.update(oauth=member), OAUTH, test=not no_test)
    if changed is not None and member["grant"] == "user":
        admin.output.advise(f"Users connect their account with: ambassador-client connect {mcp}")


@verb(app, "undeclare", destroys=True)
def undeclare(
    admin: Invocation,
    mcp: Mcp,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="The field; oauth for access by OAuth.")],
    no_test: NoTest = False,
) -> None:
    """Stop demanding a field, or access by OAuth: the MCP is reached without it from now on.

    Example: ambassador-admin credential undeclare github token
    """
    admin.confirm(f"Stop demanding {field} for MCP {mcp}?")

    def remove(needs: dict[str, Any]) -> None:
        names = [each["name"] for each in _rows(mcp, needs)]
        if field not in names:
            raise _unknown(mcp, field, names)
        if field == OAUTH:
            del needs[OAUTH]
        else:
            needs["fields"] = [each for each in needs["fields"] if each.get("name") != field]

    if _change(admin, mcp, remove, None, test=not no_test) is not None:
        admin.output.say(f"MCP {mcp} does not need {field} any more.")


@verb(app, "fields", watch=True)
def fields(admin: Invocation, mcp: Mcp) -> None:
    """List what an MCP needs, where each value goes and who gives it; no values are shown.

    Example: ambassador-admin credential fields github
    """
    entry = admin.api.fetch(mcps.show(mcp))
    admin.output.rows(FIELD, _rows(mcp, entry.get("credentials", {})))


def _change(
    admin: Invocation, mcp: str, change: Callable[[dict[str, Any]], None], shown: str | None, *, test: bool
) -> Mapping[str, Any] | None:
    """Change what an MCP needs, unless it is changed meanwhile; show the field; return None in a dry run."""
    entry, revision = admin.api.fetch_with_revision(mcps.show(mcp))
    needs = dict(entry.get("credentials", {}))
    change(needs)
    request = mcps.set_credentials(mcp, without_defaults(needs), revision=revision, test=test)
    changed = admin.send_change(request, FIELD)
    if changed is not None:
        rows = _rows(mcp, changed.get("credentials", {}))
        for row in rows:
            if row["name"] == shown:
                admin.output.record(FIELD, row)
        warn_of_tools(admin, changed)
    return changed


def _rows(mcp: str, needs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields with all members, and access by OAuth as the last of them."""
    defaults = asdict(CredentialFieldBody(name="", place=""))
    rows = [
        {"mcp": mcp, **defaults, **field, "given_by": field.get("reference") or "each user", OAUTH: None}
        for field in needs.get("fields", [])
    ]
    if needs.get(OAUTH) is not None:
        access = {**asdict(OAuthBody()), **needs[OAUTH]}
        by = _GIVEN_BY.get(access["grant"]) or f"tokens of {access['provider']}"
        rows.append({"mcp": mcp, **asdict(_TOKEN), "given_by": by, OAUTH: access})
    return rows


def _unknown(mcp: str, field: str, names: list[str]) -> AdminError:
    near = get_close_matches(field, names)
    return AdminError(
        f"MCP {mcp} declares no {field!r}{'; near: ' if near else ''}{', '.join(near)}.",
        code=ProblemCode.NOT_FOUND,
        exit_code=ExitCode.NOT_FOUND,
        hint=f"ambassador-admin credential fields {mcp}",
    )
