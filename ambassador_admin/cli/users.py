"""The `user` commands: users and their passwords."""

from dataclasses import replace
from secrets import token_urlsafe
from typing import Annotated

import typer

from ambassador_admin.api import groups, users
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issued_secrets import show_secret
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.meta_tool_options import UserMetaToolsOption
from ambassador_admin.cli.several import listed, submit_all, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import NOT_SHOWN, read_password
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut, UserView

USER = View(
    "users",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("GROUPS", "groups"),
        Column("ROLES", "roles"),
        Column("DISPLAY NAME", "display_name", wide=True),
        Column("EMAIL", "email", wide=True),
        Column("SOURCE", "source", wide=True),
        Column("ISSUER", "issuer", wide=True),
        Column("SUBJECT", "subject", wide=True),
        Column("OWNER", "owner", wide=True),
        Column("DESCRIBED BY", "described_by", wide=True),
        Column("META-TOOLS", "meta_tools", wide=True),
        Column("CREATED", "created_at", relative_time),
    ),
    fields_of(UserView),
)

_ROLES = "A role of an administrator: admin, operator, provisioner or auditor."

PASSWORD = View("users", (Column("USER", "user"), Column("PASSWORD", "password")), ("user", "password"))
_PASSWORD_BYTES = 18  # 24 characters

app = noun("Users and their passwords.")

NewName = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Name = Annotated[NewName, NameKind.USER]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The users' names."), NameKind.USER]
DisplayName = Annotated[str | None, typer.Option("--display-name", metavar="TEXT", help="The full name.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="WORD",
        help="Where the user comes from: local, with a password here, or external, from an identity provider.",
    ),
]


@verb(app, "create", changes=True)
def create(
    admin: Invocation,
    name: NewName,
    display_name: DisplayName = None,
    email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="The mail address.")] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help=f"{_ROLES} May be repeated.")
    ] = None,
    source: Source = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="GROUP", help="A group of the user. May be repeated."),
        NameKind.GROUP,
    ] = None,
    meta_tools: UserMetaToolsOption = None,
) -> None:
    """Create a user.

    Example: ambassador-admin user create alice --email a@example.com --group devs
    """
    new = NewUser(
        name=name,
        display_name=display_name,
        email=email,
        roles=role or None,
        source=source,
        meta_tools=meta_tools,
    )
    joining = [groups.add_member(each, name) for each in dict.fromkeys(group or [])]
    created = submit_all(admin, [users.create(new), *joining], users.show(name), USER)
    if created is None:
        return
    if role:
        admin.output.advise(f"Next: ambassador-admin user reset-password {name}")
    else:
        admin.output.advise(
            f"Next: ambassador-admin key enrol {name}"
            if group
            else f"Next: ambassador-admin group add-member GROUP {name}; ambassador-admin key enrol {name}"
        )


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the users.

    Example: ambassador-admin user list --filter group=developers --sort=-name
    """
    list_options.show(admin, users.list_all(), USER)


@verb(app, "show")
def show(admin: Invocation, name: Name) -> None:
    """Show one user.

    Example: ambassador-admin user show alice
    """
    admin.show_one(users.show(name), USER)


@verb(app, "update", changes=True)
def update(
    admin: Invocation,
    name: Name,
    display_name: DisplayName = None,
    email: Annotated[
        str | None, typer.Option("--email", metavar="ADDRESS", help="The mail address; '' for none.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help=f"{_ROLES} May be repeated; replaces all roles."),
    ] = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Remove every role.")] = False,
    source: Source = None,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns it; '' for none."
        ),
    ] = None,
    meta_tools: UserMetaToolsOption = None,
) -> None:
    """Change a user; options that are not given change nothing.

    Example: ambassador-admin user update alice --role operator --role auditor
    """
    if role and no_roles:
        raise UsageError("--role and --no-roles exclude each other.")
    roles = [] if no_roles or role == [""] else role or None
    facts = UserPut(
        display_name=display_name,
        email=email,
        roles=roles,
        source=source,
        owner=owner,
        meta_tools=meta_tools,
    )
    if facts == UserPut():
        raise UsageError("Nothing to change.", hint="ambassador-admin user update --help")
    admin.submit(users.update(name, facts), USER)


@verb(app, "suspend", changes=True)
def suspend(admin: Invocation, names: Names) -> None:
    """Suspend users: all their keys are refused, and calls and streams end, until `activate`.

    Example: ambassador-admin user suspend alice
    """
    _set_status(admin, names, "suspended")


@verb(app, "activate", changes=True)
def activate(admin: Invocation, names: Names) -> None:
    """Activate suspended or deactivated users; of the latter the account alone comes back, without keys.

    Example: ambassador-admin user activate alice
    """
    _set_status(admin, names, "active")


@verb(app, "deactivate", destroys=True)
def deactivate(admin: Invocation, names: Names) -> None:
    """Deactivate users who have left: keys, sessions, credentials and all else that they hold end for good.

    Example: ambassador-admin user deactivate alice --yes
    """
    admin.confirm(f"Deactivate user {listed(names)}?")
    _set_status(admin, names, "deactivated")


@verb(app, "unbind", destroys=True)
def unbind(admin: Invocation, names: Names) -> None:
    """End that users belong to the issuer and the subject of a token; then issuers find them by name.

    A person with a new account at the issuer needs this: with another subject, the user of that name is refused.

    Example: ambassador-admin user unbind alice --yes
    """
    admin.confirm(f"Unbind user {listed(names)}? The next token with that name is accepted as that user's.")
    submit_each(admin, names, lambda name: users.update(name, UserPut(subject="")), USER)


@verb(app, "reset-password", changes=True)
def reset_password(
    admin: Invocation,
    name: Name,
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="SOURCE",
            help="env://NAME, file://PATH or - for stdin; else a prompt, twice.",
        ),
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Generate a password and show it once.")
    ] = False,
) -> None:
    """Set the password of a user with a role; this ends the user's logins.

    Example: ambassador-admin user reset-password alice --generate
    """
    if generate and password_from is not None:
        raise UsageError("--generate and --password-from exclude each other.")
    environment = admin.environment
    password = (
        token_urlsafe(_PASSWORD_BYTES)
        if generate
        else read_password(
            password_from,
            name,
            is_new=True,
            environ=environment.variables,
            stdin=environment.stdin,
            prompt=admin.terminal.read_secret,
        )
    )
    request = users.set_password(name, NewPassword(password=password))
    if admin.options.dry_run:
        admin.dry_run(replace(request, shown={"password": NOT_SHOWN}))
        return
    admin.api.send(request)
    if generate:
        item = {"user": name, "password": password}
        show_secret(
            admin, PASSWORD, item, password, f"Above is the password of {name}. It is not shown again."
        )
    else:
        admin.output.say(f"User {name} has a new password and is logged out everywhere.")


def _set_status(admin: Invocation, names: list[str], status: str) -> None:
    submit_each(admin, names, lambda name: users.update(name, UserPut(status=status)), USER)
