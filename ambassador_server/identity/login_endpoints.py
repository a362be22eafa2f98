"""Holds where people sign in at each issuer: fetched when it is asked for, and not more often than is useful."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.errors import AuthorizationError
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.issuer_documents import discover

_KEPT: Final = 300.0
_TRIED_EVERY: Final = 30.0
"""How often callers without a credential can make this server ask an issuer that does not answer."""
_MOST_HELD: Final = 200


class _Held:
    """The endpoints of an issuer as it was then."""

    def __init__(self) -> None:
        self.place: LoginPlace | None = None
        self.good_until = float("-inf")
        self.lock = asyncio.Lock()


class DiscoveredEndpoints:
    """Implements `ports.login_endpoints.LoginEndpoints`."""

    def __init__(self, http: GuardedHttp, monotonic: Callable[[], float]) -> None:
        self._http = http
        self._monotonic = monotonic
        self._held: dict[tuple[str, str, bool], _Held] = {}

    async def find(self, issuer: Issuer) -> LoginPlace | None:
        """Return the endpoints; those who ask at the same time wait for the same answer."""
        held = self._of(issuer)
        async with held.lock:
            if self._monotonic() >= held.good_until:
                held.place = await self._fetch(issuer)
                held.good_until = self._monotonic() + (_TRIED_EVERY if held.place is None else _KEPT)
        return held.place

    def _of(self, issuer: Issuer) -> _Held:
        name = issuer.issuer_id, issuer.url, issuer.private_addresses
        if name not in self._held:
            if len(self._held) >= _MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[name] = _Held()
        return self._held[name]

    async def _fetch(self, issuer: Issuer) -> LoginPlace | None:
        try:
            return read_place(await discover(self._http, issuer), private=issuer.private_addresses)
        except AuthorizationError:
            return None


def read_place(document: Mapping[str, Any], *, private: bool) -> LoginPlace | None:
    """Return the endpoints that a document names; any JSON object may be given."""
    authorization = _url(document.get("authorization_endpoint"), private=private)
    token = _url(document.get("token_endpoint"), private=private)
    if authorization is None or token is None:
        return None
    return LoginPlace(
        authorization_endpoint=authorization,
        token_endpoint=token,
        device_endpoint=_url(document.get("device_authorization_endpoint"), private=private),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        token_auth_methods=_words(document.get("token_endpoint_auth_methods_supported")),
    )


def _words(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _url(value: Any, *, private: bool) -> str | None:
    """Return the URL of an endpoint, to which a command may send its user, or a code; None for anything else."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > 2_000:
        return None
    try:
        check_url(value, private=private)
    except AuthorizationError:
        return None
    return None if "#" in value else value
