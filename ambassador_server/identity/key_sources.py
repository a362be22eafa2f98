"""Fetches the keys of an issuer: by discovery, from a URL, or a shared secret by its reference."""

from typing import Final

from yarl import URL

from ambassador_protocol.references import SecretReferenceError, parse_reference
from ambassador_server import secret_stores
from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    InvalidInputError,
    IssuerMismatchError,
)
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.key_set import KeySet, read_key_set, shared_secret

_OPENID: Final = "/.well-known/openid-configuration"
_OAUTH: Final = "/.well-known/oauth-authorization-server"
_LEAST_SECRET_BYTES: Final = 32
_OWN_PREFIX: Final = "env://MCP_AMBASSADOR_"


class KeySources:
    """Fetches keys through guarded requests."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose keys could never be fetched."""
        place = issuer.key_place or ""
        if issuer.is_gateway:
            return
        try:
            if issuer.key_source is KeySource.CERTIFICATES:
                return
            if issuer.key_source is KeySource.SECRET:
                _check_reference(place)
                return
            for url in (issuer.url, place) if place else (issuer.url,):
                check_url(url, private=issuer.private_addresses)
        except SecretReferenceError as error:
            raise InvalidInputError(f"{error}.") from None
        except AuthorizationError:
            raise InvalidInputError(
                "The URL of an issuer, and that of its keys, begins with https://; with private_addresses, http:// is "
                "permitted on this machine."
            ) from None

    async def fetch(self, issuer: Issuer) -> KeySet:
        """Return the keys as they are now. Raises AuthorizationError, whose message may be shown to administrators."""
        if issuer.key_source is KeySource.SECRET:
            return await _secret(issuer)
        if issuer.is_gateway:
            raise AuthorizationServerUnavailableError("A gateway signs no tokens.")
        url = issuer.key_place or await self._discover(issuer)
        answer = await self._http.get(url, private=issuer.private_addresses)
        if answer.status != 200:
            raise AuthorizationServerUnavailableError(
                f"The keys at {answer.host} cannot be read: HTTP {answer.status}."
            )
        keys = read_key_set(answer.json())
        if not keys.keys:
            raise AuthorizationServerUnavailableError(
                f"The document at {answer.host} has no key that tokens can be verified with."
            )
        return keys

    async def _discover(self, issuer: Issuer) -> str:
        """Return the URL of the keys that the document of the issuer names; the document must be about the issuer."""
        url, statuses = URL(issuer.url), list[str]()
        path = url.path.rstrip("/")
        for address in (f"{issuer.url.rstrip('/')}{_OPENID}", f"{url.origin()}{_OAUTH}{path}"):
            answer = await self._http.get(address, private=issuer.private_addresses)
            if answer.status != 200:
                statuses.append(str(answer.status))
                continue
            document = answer.json()
            if document.get("issuer") != issuer.url:
                raise IssuerMismatchError(f"The document at {answer.host} is about another issuer.")
            named = document.get("jwks_uri")
            if isinstance(named, str):
                return named
            raise AuthorizationServerUnavailableError(f"The document at {answer.host} names no keys.")
        raise AuthorizationServerUnavailableError(
            f"The issuer has no discovery document: HTTP {', '.join(statuses)}."
        )


def _check_reference(place: str) -> None:
    if parse_reference(place) is None:
        schemes = " or ".join(f"{scheme}://" for scheme in secret_stores.known_stores())
        raise InvalidInputError(f"The secret is given by reference, {schemes}; it is never stored here.")
    secret_stores.check_reference(place)
    if place.startswith(_OWN_PREFIX):
        raise InvalidInputError(f"{place!r} is a setting of this server.")


async def _secret(issuer: Issuer) -> KeySet:
    try:
        secret = await secret_stores.resolve_without_blocking(issuer.key_place or "")
    except SecretReferenceError as error:
        raise AuthorizationServerUnavailableError(f"{error}.") from None
    if len(secret.encode()) < _LEAST_SECRET_BYTES:
        raise AuthorizationServerUnavailableError(
            f"The secret has fewer than {_LEAST_SECRET_BYTES} bytes, so that it could be guessed."
        )
    return shared_secret(secret)
