"""The options of `access explain` and `access list` that name a request with an access token instead of a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.api import issuers
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import read_token
from ambassador_admin.errors import AdminError, UsageError
from ambassador_protocol.problems import ProblemCode

_HELP = "ambassador-admin access explain --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """The issuer of the token and the groups that it names, or the token itself."""

    issuer: Annotated[
        str | None,
        typer.Option("--issuer", metavar="NAME", help="An access token of this issuer instead of a key."),
        NameKind.ISSUER,
    ] = None
    claimed_groups: Annotated[
        list[str] | None,
        typer.Option(
            "--claimed-group", metavar="GROUP", help="A group that the token names; may be repeated."
        ),
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="SOURCE",
            help="The token itself: env://NAME, file://PATH or - for stdin. It is not shown.",
        ),
    ] = None


NO_TOKEN = TokenOptions()


def asked_token(
    admin: Invocation, user: str, key: str | None, options: TokenOptions
) -> tuple[str | None, Sequence[str]]:
    """Return the issuer and the groups to ask about; of a token, the groups that mean one of this server.

    Raises AdminError for a token that is refused, or that is not of this user.
    """
    if options.issuer is None:
        if options.claimed_groups or options.token:
            raise UsageError("--claimed-group and --token go with --issuer.", hint=_HELP)
        return None, ()
    if key is not None:
        raise UsageError("--key and --issuer exclude each other.", hint=_HELP)
    if options.token is None:
        return options.issuer, options.claimed_groups or ()
    if options.claimed_groups:
        raise UsageError("--claimed-group and --token exclude each other.", hint=_HELP)
    return options.issuer, _groups_of(admin, options.issuer, user, options.token)


def _groups_of(admin: Invocation, issuer: str, user: str, source: str) -> Sequence[str]:
    environment = admin.environment
    token = read_token(
        source, environ=environment.variables, stdin=environment.stdin, prompt=admin.terminal.read_secret
    )
    tested = admin.api.fetch(issuers.test(issuer, token))
    hint = f"ambassador-admin issuer test {issuer} --token {source}"
    if not tested["accepted"]:
        raise AdminError(f"The token is refused: {tested['reason']}.", code=ProblemCode.DENIED, hint=hint)
    if tested["user"] != user:
        raise AdminError(f"The token is of user {tested['user']}.", code=ProblemCode.DENIED, hint=hint)
    return [each["claimed"] for each in tested["groups"] if each["group"] is not None]


def claimed_text(groups: Any, now: datetime) -> str:
    """Return the groups that a token names, each with the group of this server that it means."""
    return ", ".join(f"{each['claimed']} = {each['group'] or 'no group'}" for each in groups or ())
