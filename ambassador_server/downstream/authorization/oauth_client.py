"""The OAuth client: one method for each thing that a use case can ask for, over guarded HTTP."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.downstream.authorization import (
    challenges,
    client_registration,
    code_flow,
    device_flow,
    discovery,
    identity_assertions,
)
from ambassador_server.downstream.authorization.token_endpoint import (
    TokenEndpoint,
    error_of,
    read_tokens,
    revocation_auth_method,
    with_resource,
    with_scopes,
)
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    GrantDeadError,
    RegistrationDeadError,
)
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.ports.authorization import (
    AuthorizationRequest,
    Challenge,
    ClientDescription,
    DeviceCode,
    IdentityToken,
    Registration,
    ServerMetadata,
    Tokens,
)
from ambassador_server.ports.clock import Clock

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_NO_SUCH_TOKEN: Final = "no-such-token"


class DownstreamOAuthClient:
    """Serves the port `OAuthClient`; holds no state but its clock."""

    def __init__(self, http: GuardedHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def read_challenge(self, header: str) -> Challenge | None:
        """Return the demand in a value of `WWW-Authenticate`, or None if it demands no bearer token."""
        return challenges.read_challenge(header)

    def check_challenge(self, challenge: Challenge, requested: tuple[str, ...]) -> None:
        """Raise StepUpNeededError if a downstream demands scopes that were not requested."""
        challenges.check_challenge(challenge, requested)

    async def discover(
        self, url: str, needs: OAuthNeeds, challenge: Challenge | None = None
    ) -> ServerMetadata:
        """Find the authorization server of the MCP at `url`."""
        return await discovery.discover(self._http, url, needs, challenge)

    async def register(
        self,
        server: ServerMetadata,
        needs: OAuthNeeds,
        description: ClientDescription,
        *,
        device: bool = False,
    ) -> Registration:
        """Become a client of the server."""
        return await client_registration.register(self._http, server, needs, description, device=device)

    async def is_registered(self, server: ServerMetadata, registration: Registration) -> bool:
        """Ask for a refresh with a token that does not exist: only an unknown client is refused as such."""
        form = {"grant_type": "refresh_token", "refresh_token": _NO_SUCH_TOKEN}
        try:
            await self._endpoint(server, registration).request(form)
        except RegistrationDeadError:
            return False
        except AuthorizationServerUnavailableError:
            raise
        except AuthorizationError:
            return True
        return True

    def client_document(self, description: ClientDescription) -> bytes:
        """Return the JSON document to serve at `document_url`."""
        return client_registration.client_document(description)

    def scopes_to_request(
        self,
        server: ServerMetadata,
        needs: OAuthNeeds,
        challenge: Challenge | None = None,
        requested: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Return the scopes to ask for."""
        return code_flow.scopes_to_request(server, needs, challenge, requested)

    def authorize(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> AuthorizationRequest:
        """Return a new request for consent."""
        return code_flow.authorize(server, registration, scopes)

    async def finish(
        self,
        server: ServerMetadata,
        registration: Registration,
        request: AuthorizationRequest,
        parameters: Mapping[str, str],
    ) -> Tokens:
        """Check the parameters of a callback and exchange its code."""
        code = code_flow.read_callback(server, request, parameters)
        return await self._request(
            server,
            registration,
            code_flow.exchange_form(server, request, code),
            before=Tokens(access_token="", scopes=request.scopes),
        )

    async def refresh(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> Tokens:
        """Return new tokens; without a scope the request is about all that were granted."""
        if tokens.refresh_token is None:
            raise GrantDeadError("The access token has expired, and there is no refresh token.")
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        return await self._request(server, registration, with_resource(server, form), before=tokens)

    async def revoke(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> bool:
        """Revoke the refresh token first; the access token ends by itself, so that it may fail then."""
        if server.revocation_endpoint is None:
            return False
        method = revocation_auth_method(server, registration)
        endpoint = self._endpoint(server, replace(registration, auth_method=method))
        if tokens.refresh_token is None:
            await _revoke(endpoint, server.revocation_endpoint, tokens.access_token, "access_token")
            return True
        await _revoke(endpoint, server.revocation_endpoint, tokens.refresh_token, "refresh_token")
        with suppress(AuthorizationError):
            await _revoke(endpoint, server.revocation_endpoint, tokens.access_token, "access_token")
        return True

    async def start_device(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> DeviceCode:
        """Begin a device flow."""
        endpoint = self._endpoint(server, registration)
        return await device_flow.start_device(endpoint, server, scopes, self._clock.now())

    async def poll_device(
        self, server: ServerMetadata, registration: Registration, device: DeviceCode
    ) -> Tokens | DeviceCode:
        """Return the tokens, or the code with the interval to wait."""
        endpoint = self._endpoint(server, registration)
        return await device_flow.poll_device(endpoint, server, device, self._clock.now())

    async def service_tokens(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> Tokens:
        """Return tokens of the service account itself."""
        form = with_scopes(scopes, with_resource(server, {"grant_type": "client_credentials"}))
        return await self._request(server, registration, form, before=Tokens(access_token="", scopes=scopes))

    async def provider(self, issuer: str, *, private_addresses: bool) -> ServerMetadata:
        """Find the token endpoint of an identity provider."""
        return await discovery.discover_provider(self._http, issuer, private_addresses=private_addresses)

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
        """Exchange the token of an identity provider for an assertion to `server`."""
        form = identity_assertions.assertion_form(identity, server, scopes)
        answer = await self._endpoint(provider, registration).request(form)
        return identity_assertions.read_assertion(
            answer, provider=provider, identity=identity, server=server, client_id=client_id, scopes=scopes
        )

    async def present_assertion(
        self, server: ServerMetadata, registration: Registration, assertion: str, *, scopes: tuple[str, ...]
    ) -> Tokens:
        """Return tokens for an assertion."""
        form = with_scopes(scopes, with_resource(server, {"grant_type": _JWT_BEARER, "assertion": assertion}))
        return await self._request(server, registration, form, before=Tokens(access_token="", scopes=scopes))

    async def _request(
        self, server: ServerMetadata, registration: Registration, form: Mapping[str, str], *, before: Tokens
    ) -> Tokens:
        answer = await self._endpoint(server, registration).request(form)
        return read_tokens(answer, self._clock.now(), before=before)

    def _endpoint(self, server: ServerMetadata, registration: Registration) -> TokenEndpoint:
        return TokenEndpoint(self._http, server, registration)


async def _revoke(endpoint: TokenEndpoint, url: str, token: str, hint: str) -> None:
    answer = await endpoint.send(url, {"token": token, "token_type_hint": hint})
    if answer.status == HTTPStatus.OK:
        return
    error = error_of(answer)
    if isinstance(error, AuthorizationServerUnavailableError):
        raise error
    # Some servers revoke no tokens of clients that they know well.
    raise AuthorizationError(error.message)
