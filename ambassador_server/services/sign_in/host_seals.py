"""Seals what a login of a host carries through a browser, for one purpose each, and checks it when it comes back."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from ambassador_server.domain.people.host_requests import HostCode, HostRequest, Visit, is_redirect
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.sealing import Sealer
from ambassador_server.services.sign_in.host_servers import HostServer

VALID_FOR: Final = timedelta(minutes=10)
"""How long a person has for the page of consent, and then at the provider."""
CODE_VALID_FOR: Final = timedelta(minutes=1)
_CONTEXTS: Final = {
    HostRequest: b"host login: consent",
    Visit: b"host login: state",
    HostCode: b"host login: code",
}

T = TypeVar("T", HostRequest, Visit, HostCode)


class HostSeals:
    """Seals and opens; only the server, or a replica of it, can do either."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def ends(self, life: timedelta) -> int:
        """Return when something ends that begins now."""
        return int((self._clock.now() + life).timestamp())

    def seal(self, content: HostRequest | Visit | HostCode) -> str:
        """Return the content as text that nobody else can read or change."""
        return self._sealer.seal(msgspec.json.encode(content), _CONTEXTS[type(content)])

    def open(self, sealed: str, kind: type[T], server: HostServer) -> T | None:
        """Return the content; None if it was not sealed here for this purpose and issuer, or has expired."""
        content = self._sealer.open(sealed, _CONTEXTS[kind])
        if content is None:
            return None
        found = msgspec.json.decode(content, type=kind)
        request, ends = _request_of(found)
        issuer = server.issuer
        named = (request.issuer_id, request.issuer, request.client_id)
        is_same = named == (issuer.issuer_id, issuer.url, issuer.host_client_id)
        # Also what administrators have removed from the list since then.
        if not is_same or not is_redirect(request.redirect_uri, issuer.host_redirects):
            return None
        return found if self._clock.now().timestamp() < ends else None


def digest_of(secret: str) -> str:
    """Return what of a secret may be written down."""
    return sha256(secret.encode()).hexdigest()


def is_browser(cookies: Mapping[str, str], request: HostRequest) -> bool:
    """Tell whether cookies are those of the browser in which a login began."""
    value = cookies.get(request.cookie)
    return value is not None and hmac.compare_digest(digest_of(value), request.browser)


def use_of(content: Visit | HostCode) -> tuple[str, datetime]:
    """Return the digest and the end of the only use of a state or a code."""
    request, ends = _request_of(content)
    name = f"{_CONTEXTS[type(content)].decode()}\0{request.request_id}"
    return digest_of(name), datetime.fromtimestamp(ends).astimezone()


def _request_of(content: HostRequest | Visit | HostCode) -> tuple[HostRequest, int]:
    match content:
        case HostRequest():
            return content, content.expires_at
        case Visit():
            return content.request, content.request.expires_at
        case _:
            return content.visit.request, content.expires_at
