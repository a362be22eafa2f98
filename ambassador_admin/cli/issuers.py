"""The `issuer` commands: whose access tokens are believed, and what of them."""

from typing import Annotated

import typer

from ambassador_admin.api import issuers
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issuer_options import ISSUER_HELP, Claims, Hosts, Keys, Trust, fields_given
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.cli.unmatched import warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import read_token
from ambassador_admin.errors import AdminError, UsageError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.issuer_presets import PRESETS, filled_in
from ambassador_protocol.admin.issuers import (
    ClaimedGroup,
    IssuerChange,
    IssuerView,
    NewIssuer,
    TestedToken,
    TokenCheck,
)
from ambassador_protocol.problems import ProblemCode

ISSUER = View(
    "issuers",
    (
        Column("NAME", "name", id=True),
        Column("URL", "url"),
        Column("AUDIENCES", "audiences"),
        Column("ALGORITHMS", "algorithms", wide=True),
        Column("KEYS", "key_source"),
        Column("KEYS AT", "key_place", wide=True),
        Column("CLIENT ID", "client_id", wide=True),
        Column("CLIENT SECRET REFERENCE", "client_secret", wide=True),
        Column("TOKENS BEGIN", "token_prefix", wide=True),
        Column("GROUPS", "group_prefix"),
        Column("SCOPES", "scopes", wide=True),
        Column("CREATES USERS", "creates_users", wide=True),
        Column("ID-JAG CLIENTS", "assertion_clients", wide=True),
        Column("BESIDE KEY", "beside_key", wide=True),
        Column("REVOKED", "revoked", wide=True),
        Column("LOGIN CLIENT", "login_client_id", wide=True),
        Column("LOGIN SCOPES", "login_scopes", wide=True),
        Column("HOST CLIENT", "host_client_id", wide=True),
        Column("HOST SECRET REFERENCE", "host_client_secret", wide=True),
        Column("HOST REDIRECTS", "host_redirects", wide=True),
        Column("HOST SCOPES", "host_scopes", wide=True),
        Column("OMITS RESOURCE", "host_omits_resource", wide=True),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
        Column("ID", "id", wide=True),
    ),
    fields_of(IssuerView),
)
TESTED = View(
    "tokens",
    (
        Column("ACCEPTED", "accepted"),
        Column("REASON", "reason"),
        Column("USER", "user"),
        Column("CREATES USER", "creates_user"),
        Column("EMAIL", "email"),
        Column("CLIENT", "client"),
        Column("GROUPS UNKNOWN", "groups_unknown"),
        Column("EXPIRES", "expires_at", relative_time),
    ),
    fields_of(TestedToken),
)
CHECK = View(
    "checks",
    (
        Column("CHECK", "check", id=True),
        Column("RESULT", "result"),
        Column("DETAIL", "detail", wraps=True),
    ),
    fields_of(TokenCheck),
)
GROUP = View(
    "groups",
    (Column("CLAIMED", "claimed", id=True), Column("GROUP", "group")),
    fields_of(ClaimedGroup),
)

_UPDATE_HELP = "ambassador-admin issuer update --help"
_TEST_HELP = "ambassador-admin issuer test --help"

app = noun("Issuers: whose access tokens are believed, and which users and groups they name.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The issuer's name."), NameKind.ISSUER]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The issuers' names."), NameKind.ISSUER]


@verb(app, "add", changes=True)
def add(
    admin: Invocation,
    name: Name,
    trust: Trust,
    keys: Keys,
    claims: Claims,
    hosts: Hosts,
    preset: Annotated[
        str,
        typer.Option("--preset", metavar="PRESET", help=f"Whose tokens these are: {', '.join(PRESETS)}."),
    ] = "generic",
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns the issuer."
        ),
    ] = None,
) -> None:
    """Trust an issuer: its access tokens are accepted from the next request on.

    Example: ambassador-admin issuer add sso --url https://id.acme.io --audience x
    """
    if preset not in PRESETS:
        raise UsageError(f"--preset: {preset!r} is none of {', '.join(PRESETS)}.", hint=ISSUER_HELP)
    fields = filled_in(name, preset, fields_given(trust, keys, claims, hosts))
    if "url" not in fields:
        raise UsageError(
            "--url is missing: the issuer exactly as its tokens name it; or --gateway.", hint=ISSUER_HELP
        )
    warn_of(admin, admin.submit(issuers.create(NewIssuer(name=name, owner=owner, **fields)), ISSUER))


@verb(app, "update", changes=True)
def update(
    admin: Invocation,
    name: Name,
    trust: Trust,
    keys: Keys,
    claims: Claims,
    hosts: Hosts,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner",
            metavar="LABEL",
            help="The label of the declarative file that owns the issuer; '' for none.",
        ),
    ] = None,
) -> None:
    """Change an issuer, with effect from the next request; options that are not given change nothing.

    An option that may be repeated replaces all its values; '' means none, and removes a login or host client.
    --keys-url, --secret, --introspection and --gateway change how tokens are verified as a whole, so give --algorithm,
    --client-id and --token-prefix again, too; --keys-url '' goes back to discovery. Keys of people who have signed in
    stay.

    Example: ambassador-admin issuer update okta --map eng=engineers
    """
    try:
        fields = fields_given(trust, keys, claims, hosts, changes=True)
    except UsageError as error:
        error.hint = _UPDATE_HELP
        raise
    change = IssuerChange(owner=owner, **fields)
    if change == IssuerChange():
        raise UsageError("Nothing to change.", hint=_UPDATE_HELP)
    warn_of(admin, admin.submit(issuers.update(name, change), ISSUER))


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the issuers.

    Example: ambassador-admin issuer list -o wide
    """
    list_options.show(admin, issuers.list_all(), ISSUER)


@verb(app, "show", watch=True)
def show(admin: Invocation, name: Name) -> None:
    """Show an issuer.

    Example: ambassador-admin issuer show okta -o yaml
    """
    admin.show_one(issuers.show(name), ISSUER)


@verb(app, "remove", destroys=True)
def remove(admin: Invocation, names: Names) -> None:
    """Remove issuers: their tokens are refused at once, and calls in flight with them stop.

    Example: ambassador-admin issuer remove okta
    """
    admin.confirm(f"Remove issuer {listed(names)}? Everybody who signs in with its tokens is refused.")
    send_each(admin, names, issuers.remove, lambda name: f"Removed issuer {name}.")


@verb(app, "test")
def explain_token(
    admin: Invocation,
    name: Name,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", metavar="SOURCE", help="env://NAME, file://PATH or - for stdin; else a prompt."
        ),
    ] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="NAME:VALUE",
            help="What a gateway would send, in place of a token; may be repeated.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with code 1 if the token is refused.")] = False,
) -> None:
    """Explain what an access token would become: each check, the user and the groups; the token is never shown.

    Example: ambassador-admin issuer test okta --token env://TOKEN
    """
    if headers is not None and token is not None:
        raise UsageError("--header and --token exclude each other.", hint=_TEST_HELP)
    if headers is not None:
        tested = admin.api.fetch(issuers.test_headers(name, _named(headers)))
    else:
        environment = admin.environment
        secret = read_token(
            token, environ=environment.variables, stdin=environment.stdin, prompt=admin.terminal.read_secret
        )
        tested = admin.api.fetch(issuers.test(name, secret))
    admin.output.record(TESTED, tested)
    # In program formats checks and groups are part of the object; for people they are further tables.
    if admin.output.fields is None and admin.output.format in (Format.TABLE, Format.WIDE):
        admin.output.write("")
        admin.output.rows(CHECK, iter(tested["checks"]))
        if tested["groups"]:
            admin.output.write("")
            admin.output.rows(GROUP, iter(tested["groups"]))
    if check and not tested["accepted"]:
        raise AdminError(f"The token is refused: {tested['reason']}.", code=ProblemCode.DENIED)


def _named(given: list[str]) -> dict[str, str]:
    """Return headers by their names."""
    found: dict[str, str] = {}
    for each in given:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"--header: {each!r} is not NAME:VALUE.", hint=_TEST_HELP)
        if name.strip() in found:
            raise UsageError(f"--header: {name.strip()!r} is given twice.", hint=_TEST_HELP)
        found[name.strip()] = value.strip()
    return found
