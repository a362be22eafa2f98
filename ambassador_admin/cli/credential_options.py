"""The options of `credential declare` and `credential oauth`, and the members of the API that they stand for."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.errors import UsageError
from ambassador_protocol.admin.credential_needs import CredentialFieldBody, OAuthBody
from ambassador_protocol.references import parse_reference

_REFERENCES: Final = "env://NAME, file:///PATH or hashicorp://MOUNT/PATH#FIELD"


class GrantType(StrEnum):
    """Whose account an MCP is accessed with."""

    USER = "user"
    SERVICE_ACCOUNT = "service-account"
    IDENTITY_ASSERTION = "identity-assertion"

    @property
    def wire(self) -> str:
        """Return the value that the API uses."""
        return self.value.replace("-", "_")


class SubjectType(StrEnum):
    """As what a presented token is given to its provider."""

    ACCESS_TOKEN = "access-token"
    ID_TOKEN = "id-token"
    JWT = "jwt"

    @property
    def wire(self) -> str:
        """Return the value that the API uses."""
        return self.value.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOptions:
    """One field: where its value goes, what people are told of it, and who gives it."""

    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", metavar="NAME", help="It goes into this environment variable of the program."
        ),
    ] = None
    header: Annotated[
        str | None,
        typer.Option("--header", metavar="NAME", help="It goes into this header of every request."),
    ] = None
    query: Annotated[
        str | None, typer.Option("--query", metavar="NAME", help="It goes into this parameter of the URL.")
    ] = None
    argument: Annotated[
        bool,
        typer.Option(
            "--argument",
            help="It becomes an argument of the program, which the process list of the server's machine shows.",
        ),
    ] = False
    template: Annotated[
        str,
        typer.Option("--template", metavar="TEXT", help="The text around the value, which stands for {}."),
    ] = "{}"
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What people call it, such as 'GitHub token'.")
    ] = ""
    help_text: Annotated[
        str,
        typer.Option("--help-text", metavar="TEXT", help="Where people get one and what rights it needs."),
    ] = ""
    reference: Annotated[
        str | None,
        typer.Option("--from", metavar="REFERENCE", help=f"All users share this value: {_REFERENCES}."),
    ] = None
    listing_reference: Annotated[
        str | None,
        typer.Option(
            "--list-with",
            metavar="REFERENCE",
            help="The value with which the server itself lists what the MCP offers, if each user gives their own.",
        ),
    ] = None
    optional: Annotated[
        bool, typer.Option("--optional", help="The MCP can be used without it; by default it cannot.")
    ] = False
    not_secret: Annotated[
        bool, typer.Option("--not-secret", help="It is no secret, such as the name of a team, and is shown.")
    ] = False

    def member(self, name: str) -> dict[str, Any]:
        """Return the field as the API names it; raises UsageError unless it has exactly one place."""
        targets = {"environment": self.environment, "header": self.header, "query": self.query}
        places = [place for place, target in targets.items() if target is not None]
        places += ["argument"] if self.argument else []
        if len(places) != 1:
            raise UsageError(
                "A credential goes to exactly one place: --environment NAME, --header NAME, --query NAME or --argument."
            )
        if self.reference is not None and self.listing_reference is not None:
            raise UsageError(
                "--from and --list-with exclude each other: a value that all users share is used for listing, too."
            )
        body = CredentialFieldBody(
            name=name,
            place=places[0],
            target=targets.get(places[0]) or "",
            template=self.template,
            title=self.title,
            help=self.help_text,
            secret=not self.not_secret,
            required=not self.optional,
            reference=_checked(self.reference, "--from"),
            listing_reference=_checked(self.listing_reference, "--list-with"),
        )
        return asdict(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthOptions:
    """Access by OAuth; what is not given is found by discovery."""

    grant: Annotated[
        GrantType,
        typer.Option(
            "--grant",
            help="Whether each user connects an account, one account is for all, or the provider of the user's access "
            "token grants it.",
        ),
    ] = GrantType.USER
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id", metavar="ID", help="The client that was registered for this server by hand."
        ),
    ] = None
    client_secret: Annotated[
        str | None,
        typer.Option(
            "--client-secret", metavar="REFERENCE", help=f"The secret of that client: {_REFERENCES}."
        ),
    ] = None
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="A scope to ask for; may be repeated."),
    ] = None
    resource: Annotated[
        str,
        typer.Option(
            "--resource", metavar="WORD", help="send names the MCP's URL, omit names none; or another URI."
        ),
    ] = "send"
    issuer: Annotated[
        str | None, typer.Option("--issuer", metavar="URL", help="The only authorization server to trust.")
    ] = None
    authorization_endpoint: Annotated[
        str | None,
        typer.Option("--authorization-endpoint", metavar="URL", help="Where users give their consent."),
    ] = None
    token_endpoint: Annotated[
        str | None, typer.Option("--token-endpoint", metavar="URL", help="Where tokens are issued.")
    ] = None
    device_endpoint: Annotated[
        str | None, typer.Option("--device-endpoint", metavar="URL", help="Where the device flow begins.")
    ] = None
    revocation_endpoint: Annotated[
        str | None, typer.Option("--revocation-endpoint", metavar="URL", help="Where tokens are revoked.")
    ] = None
    private_addresses: Annotated[
        bool,
        typer.Option("--private-addresses", help="Permit endpoints at loopback and private addresses."),
    ] = False
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="ISSUER",
            help="With --grant identity-assertion: the issuer whose access tokens are exchanged.",
        ),
        NameKind.ISSUER,
    ] = None
    provider_client_id: Annotated[
        str | None,
        typer.Option("--provider-client-id", metavar="ID", help="This server as a client of the provider."),
    ] = None
    provider_client_secret: Annotated[
        str | None,
        typer.Option(
            "--provider-client-secret",
            metavar="REFERENCE",
            help=f"The secret of that client: {_REFERENCES}.",
        ),
    ] = None
    subject_type: Annotated[
        SubjectType,
        typer.Option("--subject-type", help="As what the user's token is given to the provider."),
    ] = SubjectType.ACCESS_TOKEN

    def member(self) -> dict[str, Any]:
        """Return the access as the API names it."""
        return asdict(
            OAuthBody(
                grant=self.grant.wire,
                client_id=self.client_id,
                client_secret=_checked(self.client_secret, "--client-secret"),
                scopes=self.scope or [],
                resource=self.resource,
                issuer=self.issuer,
                authorization_endpoint=self.authorization_endpoint,
                token_endpoint=self.token_endpoint,
                device_endpoint=self.device_endpoint,
                revocation_endpoint=self.revocation_endpoint,
                private_addresses=self.private_addresses,
                provider=self.provider,
                provider_client_id=self.provider_client_id,
                provider_client_secret=_checked(self.provider_client_secret, "--provider-client-secret"),
                subject_type=self.subject_type.wire,
            )
        )


def _checked(reference: str | None, option: str) -> str | None:
    """Return the reference; raises UsageError, which does not quote it, for a value that is none."""
    if reference is not None and parse_reference(reference) is None:
        raise UsageError(
            f"{option} takes a reference, never the value itself: the history of your shell would keep it.",
            hint=f"{option} {_REFERENCES}, which the server resolves",
        )
    return reference
