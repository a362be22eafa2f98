"""The `admin-key` commands: admin keys of programs and logins of people."""

from typing import Annotated

import typer

from ambassador_admin.api import admin_keys
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issued_secrets import KeyFile, SecretKind, issue_secret
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.cli.several import listed, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.admin_keys import AdminKeyView, NewAdminKey

ADMIN_KEY = View(
    "admin keys",
    (
        Column("NAME", "name", whole=True),
        Column("KIND", "kind"),
        Column("STATUS", "status", status=True),
        Column("USER", "user"),
        Column("ROLES", "roles"),
        Column("EXPIRES", "expires_at", relative_time),
        Column("ISSUER", "issuer", wide=True),
        Column("PREFIX", "prefix", wide=True),
        Column("CREATED BY", "created_by", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("REVOKED", "revoked_at", relative_time, wide=True),
    ),
    fields_of(AdminKeyView),
)
ISSUED = View(
    "admin keys",
    (Column("NAME", "key.name"), Column("KEY", "admin_key")),
    (*fields_of(AdminKeyView, "key."), "admin_key"),
)
ISSUED_ADMIN_KEY = SecretKind(
    noun="admin-key",
    field="admin_key",
    handle="name",
    advice="store it where the program finds it; ambassador-admin reads MCP_AMBASSADOR_ADMIN_KEY.",
    described=ADMIN_KEY,
    issued=ISSUED,
    revoke=admin_keys.revoke,
)

app = noun("Admin keys of programs, and logins of people.")


@verb(app, "issue", changes=True)
def issue(
    admin: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, such as a pipeline.")],
    role: Annotated[
        list[str],
        typer.Option(
            "--role",
            metavar="ROLE",
            help="A role of the key: admin, operator, provisioner, auditor, monitor or scim; may be repeated.",
        ),
    ],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire after 30d, 52w, …")
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(
            "--issuer", metavar="NAME", help="With the role scim: the issuer that describes its users."
        ),
        NameKind.ISSUER,
    ] = None,
    key_file: KeyFile = None,
) -> None:
    """Issue an admin key for a program. It is shown only once.

    A key with the role scim lets an identity provider keep its users and groups; it has no other role.

    Example: ambassador-admin admin-key issue ci --role provisioner --for 30d
    """
    key = NewAdminKey(name=name, roles=role, expires_in_seconds=parse_duration(duration), issuer=issuer)
    issue_secret(admin, admin_keys.issue(key), ISSUED_ADMIN_KEY, key_file)


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the admin keys and the logins.

    Example: ambassador-admin admin-key list --filter role=admin
    """
    list_options.show(admin, admin_keys.list_all(), ADMIN_KEY)


@verb(app, "revoke", destroys=True)
def revoke(
    admin: Invocation,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The keys' names."), NameKind.ADMIN_KEY],
) -> None:
    """Revoke admin keys, or end logins, at once and permanently.

    Example: ambassador-admin admin-key revoke ci --yes
    """
    admin.confirm(f"Revoke admin key {listed(names)} permanently?")
    submit_each(admin, names, admin_keys.revoke, ADMIN_KEY)
