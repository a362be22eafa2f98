"""Sends tokens to the introspection endpoint of their issuer (RFC 7662), as the client that this server is there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.guarded_http.client_authentication import (
    BASIC,
    FORM,
    POST,
    PRIVATE_KEY,
    authenticated_form,
    choose_method,
    is_private_key,
)
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.identity.issuer_documents import check_places, check_secret, discover, read_secret

_OFFERED: Final = (
    "introspection_endpoint_auth_methods_supported",
    "token_endpoint_auth_methods_supported",
)


class Endpoint(Struct, frozen=True):
    """Where an issuer is asked, and how this server authenticates there: the methods are tried in their order."""

    url: str
    methods: tuple[str, ...]
    secret: str

    def __repr__(self) -> str:
        """Return the URL alone, so that no record has the secret."""
        return f"Endpoint({self.url!r})"


class IntrospectionClient:
    """Asks through guarded requests; the token is in the body of a request and nowhere else."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer that could never be asked."""
        check_places(issuer, issuer.key_place)
        check_secret(issuer.client_secret or "")

    async def find(self, issuer: Issuer) -> Endpoint:
        """Return the endpoint as it is now. Raises AuthorizationError, whose message may be shown to administrators."""
        secret = await read_secret(issuer.client_secret or "")
        if issuer.key_place is not None:
            return Endpoint(issuer.key_place, _methods(secret, None), secret)
        document = await discover(self._http, issuer)
        url = document.get("introspection_endpoint")
        if not isinstance(url, str):
            raise AuthorizationServerUnavailableError(
                f"The document of issuer {issuer.name!r} names no introspection endpoint."
            )
        return Endpoint(url, _methods(secret, _offered(document)), secret)

    async def ask(self, token: str, issuer: Issuer, endpoint: Endpoint) -> Answer:
        """Return the answer about a token. Raises AuthorizationError."""
        answer = await self._ask(token, issuer, endpoint, endpoint.methods[0])
        for method in endpoint.methods[1:]:
            if answer.status != 401:
                break
            answer = await self._ask(token, issuer, endpoint, method)
        return answer

    async def _ask(self, token: str, issuer: Issuer, endpoint: Endpoint, method: str) -> Answer:
        form = authenticated_form(
            method,
            issuer.client_id or "",
            endpoint.secret,
            {"token": token, "token_type_hint": "access_token"},
            audience=issuer.url,
        )
        return await self._http.post(
            endpoint.url, form.body, kind=FORM, private=issuer.private_addresses, headers=form.headers
        )


def _offered(document: Mapping[str, Any]) -> Sequence[str] | None:
    found = (document.get(name) for name in _OFFERED)
    return next((each for each in found if isinstance(each, list)), None)


def _methods(secret: str, offered: Sequence[str] | None) -> tuple[str, ...]:
    """Return how this server authenticates; of a server about which nothing is known both ways are tried."""
    if is_private_key(secret):
        usable: tuple[str, ...] = (PRIVATE_KEY,)
    elif offered is None:
        return BASIC, POST
    else:
        usable = (BASIC, POST)
    method = PRIVATE_KEY if offered is None else choose_method(offered, preferred=usable)
    if method is None:
        raise AuthorizationServerUnavailableError(
            f"The issuer offers none of the ways in which this secret authenticates ({', '.join(usable)})."
        )
    return (method,)
