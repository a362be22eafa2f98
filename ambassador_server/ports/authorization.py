"""The interface of the OAuth 2.1 client, which gets tokens for downstreams from their authorization servers.

It stores nothing: what has to outlive a call is in the values, which msgspec can encode as JSON, and which must be
sealed when they are stored, because they hold secrets. Each method that sends something raises
AuthorizationServerUnavailableError for a server that cannot be reached, is slow, or answers with something else than
the standards say; then everything stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a downstream demands in `WWW-Authenticate` (RFC 6750, RFC 9728); none of it has been verified."""

    error: str | None = None
    scopes: tuple[str, ...] = ()
    resource_metadata: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """An authorization server as one MCP uses it; its endpoints were checked.

    `resource` is sent with each request, unless it is None. `resource_scopes` are those that the MCP names,
    `offered_scopes` all that are known. `grant_types` is empty if the server does not name any. With `sends_issuer` a
    callback without `iss` is refused. `issuer_differs` tells that the document was found below another URL than its
    issuer, which only the issuer pinned for the MCP allows.
    """

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    device_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    resource: str | None = None
    resource_scopes: tuple[str, ...] = ()
    offered_scopes: tuple[str, ...] = ()
    token_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    revocation_auth_methods: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    sends_issuer: bool = False
    reads_client_documents: bool = False
    issuer_differs: bool = False
    private_addresses: bool = False


class RegistrationKind(StrEnum):
    """How an authorization server knows this server as a client."""

    DECLARED = "declared"
    DOCUMENT = "document"
    DYNAMIC = "dynamic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDescription:
    """This server as a client: its name for people, its only redirect URI, and the URL of its own client document.

    `document_url` is None if authorization servers cannot fetch a document from this server.
    """

    name: str
    redirect_uri: str
    document_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """This server as a client of one authorization server, and never of another; only dynamic ones are to be stored.

    `scopes` are those it was registered with. A secret is invalid after `secret_expires_at`.
    """

    kind: RegistrationKind
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str = "none"
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ()
    secret_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request for the consent of a user: the browser goes to `url`; the rest is kept, sealed, for the callback."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    issuer: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens that an authorization server has issued; `scopes` are the granted ones."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A running device flow: the user enters `user_code` at `verification_uri`; poll after `interval` seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_at: datetime
    interval: int = 5
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityToken:
    """A token by which an identity provider names a user as `subject`; `kind` is its token type URI of RFC 8693."""

    token: str = field(repr=False)
    subject: str
    kind: str = "urn:ietf:params:oauth:token-type:id_token"


class OAuthClient(Protocol):
    """Speaks with authorization servers; safe to use from many tasks."""

    def read_challenge(self, header: str) -> Challenge | None:
        """Return the demand in a value of `WWW-Authenticate`, or None if it demands no bearer token."""
        ...

    def check_challenge(self, challenge: Challenge, requested: tuple[str, ...]) -> None:
        """Raise StepUpNeededError if a downstream demands scopes that were not requested.

        The user then has to authorize again; a refresh can never add a scope. Scopes that were requested already are
        not asked for again, because the user or the server has withheld them.
        """
        ...

    async def discover(
        self, url: str, needs: OAuthNeeds, challenge: Challenge | None = None
    ) -> ServerMetadata:
        """Find the authorization server of the MCP at `url`; declared endpoints are used without any discovery.

        Raises UntrustedMetadataError, and its kind IssuerMismatchError, for documents that break a rule of the
        standards that protects users.
        """
        ...

    async def register(
        self,
        server: ServerMetadata,
        needs: OAuthNeeds,
        description: ClientDescription,
        *,
        device: bool = False,
    ) -> Registration:
        """Become a client: the declared one, else by our client document, else by dynamic registration.

        For a `device` flow the document comes last, because it does not ask for that flow: a server without it would
        refuse the whole document. Raises RegistrationRefusedError. Only a dynamic registration costs a request.
        """
        ...

    async def is_registered(self, server: ServerMetadata, registration: Registration) -> bool:
        """Ask whether the server still knows a stored registration; sends no user to a page that cannot help."""
        ...

    def client_document(self, description: ClientDescription) -> bytes:
        """Return the JSON document to serve at `document_url`."""
        ...

    def scopes_to_request(
        self,
        server: ServerMetadata,
        needs: OAuthNeeds,
        challenge: Challenge | None = None,
        requested: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Return the scopes to ask for: the demanded, else the declared, else those of the MCP; and all `requested`."""
        ...

    def authorize(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> AuthorizationRequest:
        """Return a new request for consent, with its own state and PKCE verifier.

        Raises AuthorizationError if the server has no authorization endpoint.
        """
        ...

    async def finish(
        self,
        server: ServerMetadata,
        registration: Registration,
        request: AuthorizationRequest,
        parameters: Mapping[str, str],
    ) -> Tokens:
        """Check the parameters of a callback and exchange its code.

        Raises IssuerMismatchError, which shows nothing of the callback, AuthorizationDeniedError, ScopeRefusedError,
        GrantDeadError for a code that is used or expired, and RegistrationDeadError.
        """
        ...

    async def refresh(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> Tokens:
        """Return new tokens, with the old refresh token if the server sends no other.

        Raises GrantDeadError, also without a refresh token, and RegistrationDeadError.
        """
        ...

    async def revoke(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> bool:
        """Revoke the refresh token, and the access token; return False if the server offers no revocation.

        Raises AuthorizationError if it refuses, which says nothing about the registration.
        """
        ...

    async def start_device(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> DeviceCode:
        """Begin a device flow; raises AuthorizationError if the server has no device endpoint."""
        ...

    async def poll_device(
        self, server: ServerMetadata, registration: Registration, device: DeviceCode
    ) -> Tokens | DeviceCode:
        """Return the tokens, or the code with the interval to wait while the user has not decided.

        Raises AuthorizationDeniedError, and GrantDeadError for an expired code.
        """
        ...

    async def service_tokens(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> Tokens:
        """Return tokens of the service account itself (client credentials)."""
        ...

    async def provider(self, issuer: str, *, private_addresses: bool) -> ServerMetadata:
        """Find the token endpoint of an identity provider; raises what `discover` raises."""
        ...

    async def identity_assertion(
        self,
        provider: ServerMetadata,
        registration: Registration,
        identity: IdentityToken,
        server: ServerMetadata,
        *,
        client_id: str,
        scopes: tuple[str, ...],
    ) -> str:
        """Exchange the token of an identity provider for an assertion to `server` (RFC 8693, ID-JAG).

        `registration` is the one at the provider, `client_id` this server as a client of `server`. Raises
        GrantDeadError if the identity token is not accepted, and AuthorizationServerUnavailableError for an assertion
        about another user, or for another server, client, resource or scope.
        """
        ...

    async def present_assertion(
        self, server: ServerMetadata, registration: Registration, assertion: str, *, scopes: tuple[str, ...]
    ) -> Tokens:
        """Return tokens for an assertion (RFC 7523); raises GrantDeadError if it is not accepted."""
        ...
