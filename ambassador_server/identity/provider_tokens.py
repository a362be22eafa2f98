"""Exchanges codes and refresh tokens at the token endpoint of an issuer, as the client that hosts use there."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    TokenRequestError,
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
from ambassador_server.identity.issuer_documents import read_secret
from ambassador_server.ports.provider_tokens import ProvidedTokens

_PASSED_ON: Final = frozenset({"invalid_grant", "invalid_scope", "invalid_target"})
"""What the host can do something about; all else is between this server and the provider."""
_LONGEST: Final = 64 * 1024

_log = logging.getLogger(__name__)


class HostTokens:
    """Implements `ports.provider_tokens.ProviderTokens` through guarded requests."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    async def request(
        self, issuer: Issuer, place: LoginPlace, parameters: Mapping[str, str]
    ) -> ProvidedTokens:
        """Return the tokens for a code or a refresh token. Raises TokenRequestError."""
        try:
            return tokens_of(await self._ask(issuer, place, parameters))
        except AuthorizationError as error:
            _log.warning("no tokens for a host by issuer %s: %s", issuer.name, error.message)
            raise TokenRequestError(
                "temporarily_unavailable", f"The issuer {issuer.name!r} gives no tokens now."
            ) from None

    async def _ask(self, issuer: Issuer, place: LoginPlace, parameters: Mapping[str, str]) -> Answer:
        secret = "" if issuer.host_client_secret is None else await read_secret(issuer.host_client_secret)
        form = authenticated_form(
            _method(secret, place),
            issuer.host_client_id or "",
            secret,
            parameters,
            audience=issuer.url,
        )
        return await self._http.post(
            place.token_endpoint,
            form.body,
            kind=FORM,
            private=issuer.private_addresses,
            headers=form.headers,
        )


def _method(secret: str, place: LoginPlace) -> str:
    if not secret:
        return NO_SECRET
    if is_private_key(secret):
        return PRIVATE_KEY
    offered = place.token_auth_methods or (BASIC,)
    method = choose_method(offered)
    if method is None:
        raise AuthorizationServerUnavailableError(
            f"The issuer offers none of the ways in which a secret authenticates ({BASIC}, {POST})."
        )
    return method


def tokens_of(answer: Answer) -> ProvidedTokens:
    """Return the tokens of an answer, without all else, such as an ID token, which is for this server alone."""
    found = answer.json_or_empty()
    code = found.get("error")
    if isinstance(code, str) and code in _PASSED_ON:
        raise TokenRequestError(code, "The provider has refused the request.")
    token, kind = _text(found, "access_token"), _text(found, "token_type") or "Bearer"
    if answer.status not in (200, 201) or code is not None or token is None or kind.lower() != "bearer":
        shown = f", {code[:60]!r}" if isinstance(code, str) else ""
        raise AuthorizationServerUnavailableError(
            f"The token endpoint at {answer.host} answered HTTP {answer.status} without a token{shown}."
        )
    seconds = found.get("expires_in")
    return ProvidedTokens(
        access_token=token,
        token_type=kind,
        expires_in=seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else None,
        refresh_token=_text(found, "refresh_token"),
        scope=_text(found, "scope"),
    )


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None
