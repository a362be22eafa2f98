"""Requests to the endpoints that authenticate a client (RFC 6749), and what their answers and errors mean."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from ambassador_server.downstream.authorization.challenges import read_scopes
from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationError,
    AuthorizationServerUnavailableError,
    GrantDeadError,
    IssuerMismatchError,
    RegistrationDeadError,
    ScopeRefusedError,
)
from ambassador_server.guarded_http.client_authentication import (
    BASIC,
    FORM,
    NO_SECRET,
    POST,
    PRIVATE_KEY,
    authenticated_form,
    choose_method,
    is_private_key,
)
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.ports.authorization import Registration, RegistrationKind, ServerMetadata, Tokens

_LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_LIFE_SECONDS: Final = 10 * 365 * 86400
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}")

_KINDS: Final[Mapping[str, tuple[type[AuthorizationError], str]]] = {
    "invalid_grant": (GrantDeadError, "no longer accepts the grant"),
    "expired_token": (GrantDeadError, "no longer accepts the code"),
    # Two codes of GitHub, which answers errors with HTTP 200.
    "bad_verification_code": (GrantDeadError, "no longer accepts the code"),
    "bad_refresh_token": (GrantDeadError, "no longer accepts the grant"),
    "invalid_client": (RegistrationDeadError, "does not know this client, or does not accept its secret"),
    "incorrect_client_credentials": (RegistrationDeadError, "does not accept the secret of this client"),
    "invalid_scope": (ScopeRefusedError, "does not give these scopes to this client"),
    "insufficient_scope": (ScopeRefusedError, "does not give these scopes to this client"),
    "access_denied": (AuthorizationDeniedError, "was told to deny access"),
    "unauthorized_client": (AuthorizationDeniedError, "does not allow this client to ask in this way"),
    "unsupported_grant_type": (AuthorizationDeniedError, "does not support this kind of grant"),
    "invalid_target": (
        AuthorizationDeniedError,
        "does not accept the parameter 'resource', which can be omitted or replaced for this MCP",
    ),
    "server_error": (AuthorizationServerUnavailableError, "has failed"),
    "temporarily_unavailable": (AuthorizationServerUnavailableError, "is not available now"),
}


class TokenEndpoint:
    """Sends the requests of one client to its authorization server, and to no other."""

    def __init__(self, http: GuardedHttp, server: ServerMetadata, registration: Registration) -> None:
        """Raise IssuerMismatchError for a client of another authorization server."""
        if registration.issuer != server.issuer:
            raise IssuerMismatchError("The client is registered at another authorization server.")
        self._http = http
        self._server = server
        self._registration = registration

    async def request(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Send a request for tokens and return the answer, which may hold them; raises the error it stands for."""
        answer = await self.send(self._server.token_endpoint, parameters)
        found = answer.json_or_empty()
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED) and found and "error" not in found:
            return found
        raise error_of(answer)

    async def send(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """Send a form with the authentication of the client to one of the server's endpoints.

        A declared client of a server about which nothing is known is authenticated in the other way if need be.
        """
        method = self._registration.auth_method
        answer = await self._send(url, parameters, method)
        is_unknown = (
            self._registration.kind is RegistrationKind.DECLARED and not self._server.token_auth_methods
        )
        if method == BASIC and is_unknown and isinstance(_known_error(answer), RegistrationDeadError):
            return await self._send(url, parameters, POST)
        return answer

    async def _send(self, url: str, parameters: Mapping[str, str], method: str) -> Answer:
        registration = self._registration
        form = authenticated_form(
            method,
            registration.client_id,
            registration.client_secret or "",
            parameters,
            audience=self._server.issuer,
        )
        return await self._http.post(
            url, form.body, kind=FORM, private=self._server.private_addresses, headers=form.headers
        )


def choose_auth_method(server: ServerMetadata, secret: str | None) -> str | None:
    """Return how a client authenticates at the token endpoint, or None if there is no way that both support.

    A private key signs, and is never sent.
    """
    if secret is None:
        return NO_SECRET
    if is_private_key(secret):
        return choose_method(server.token_auth_methods or (PRIVATE_KEY,), preferred=(PRIVATE_KEY,))
    return choose_method(server.token_auth_methods or (BASIC,))


def revocation_auth_method(server: ServerMetadata, registration: Registration) -> str:
    """Return how a client authenticates to revoke: as always, unless the server wants another way there."""
    method, offered = registration.auth_method, server.revocation_auth_methods
    if not offered or method in offered or method == PRIVATE_KEY or registration.client_secret is None:
        return method
    return choose_method(offered) or method


def with_resource(server: ServerMetadata, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with the resource that the tokens are for (RFC 8707), unless it is omitted."""
    return {**parameters, "resource": server.resource} if server.resource else dict(parameters)


def with_scopes(scopes: tuple[str, ...], parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with the scopes, if there are any."""
    return {**parameters, "scope": " ".join(scopes)} if scopes else dict(parameters)


def read_tokens(answer: Mapping[str, Any], now: datetime, *, before: Tokens) -> Tokens:
    """Return the tokens of an answer; what it leaves out stays as `before`, as the standard says.

    Raises AuthorizationServerUnavailableError for an answer without a bearer token that fits into a header.
    """
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise AuthorizationServerUnavailableError("The authorization server issued a token of another kind.")
    refresh = answer.get("refresh_token")
    seconds = _seconds(answer.get("expires_in"))
    scope = answer.get("scope")
    return Tokens(
        access_token=read_token(answer, "access_token"),
        refresh_token=read_token(answer, "refresh_token") if refresh else before.refresh_token,
        expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        scopes=read_scopes(scope.split()) if isinstance(scope, str) and scope.strip() else before.scopes,
    )


def read_token(answer: Mapping[str, Any], name: str) -> str:
    """Return a member that is a token."""
    token = answer.get(name)
    if isinstance(token, str) and len(token) <= _LONGEST_TOKEN and _TOKEN.fullmatch(token):
        return token
    raise AuthorizationServerUnavailableError(f"The authorization server sent no valid {name}.")


def error_of(answer: Answer) -> AuthorizationError:
    """Return the error that an answer stands for; nothing of its body but a known code is looked at."""
    known = _known_error(answer)
    if known is not None:
        return known
    code = error_code(answer.json_or_empty())
    where = f"The authorization server at {answer.host}"
    is_about_request = 400 <= answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS
    if code and is_about_request:
        return AuthorizationError(f"{where} refused the request ({code}).")
    return AuthorizationServerUnavailableError(
        f"{where} answered HTTP {answer.status} with something that is no answer to the request."
    )


def error_for_code(code: str, where: str) -> AuthorizationError | None:
    """Return the error for a code of RFC 6749 or its extensions, or None for an unknown one."""
    kind, words = _KINDS.get(code, (None, ""))
    return kind(f"{where} {words} ({code}).") if kind is not None else None


def error_code(document: Mapping[str, Any]) -> str:
    """Return the error code of an answer, or nothing if it has none that looks like one."""
    code = document.get("error")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _known_error(answer: Answer) -> AuthorizationError | None:
    where = f"The authorization server at {answer.host}"
    if answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return None
    if code := error_code(answer.json_or_empty()):
        return error_for_code(code, where)
    # Some servers do not answer an unknown client with an error of OAuth.
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY):
        return RegistrationDeadError(f"{where} does not accept this client (HTTP {answer.status}).")
    return None


def _seconds(value: object) -> int | None:
    """Return a lifetime; some servers send it as a text, and one that is not a number is not known."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, _LONGEST_LIFE_SECONDS))
