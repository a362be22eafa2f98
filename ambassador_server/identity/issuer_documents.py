"""Reads what an issuer declares in its discovery document, and the secrets that administrators name for it."""

from typing import Any, Final

from yarl import URL

from ambassador_protocol.references import SecretReferenceError, parse_reference
from ambassador_server import secret_stores
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    InvalidInputError,
    IssuerMismatchError,
)
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.guarded_http.requests import GuardedHttp

_OPENID: Final = "/.well-known/openid-configuration"
_OAUTH: Final = "/.well-known/oauth-authorization-server"
_OWN_PREFIX: Final = "env://MCP_AMBASSADOR_"


async def discover(http: GuardedHttp, issuer: Issuer) -> dict[str, Any]:
    """Return the discovery document of an issuer, which must be about the issuer. Raises AuthorizationError."""
    url, statuses = URL(issuer.url), list[str]()
    path = url.path.rstrip("/")
    for address in (f"{issuer.url.rstrip('/')}{_OPENID}", f"{url.origin()}{_OAUTH}{path}"):
        answer = await http.get(address, private=issuer.private_addresses)
        if answer.status != 200:
            statuses.append(str(answer.status))
            continue
        document = answer.json()
        if document.get("issuer") != issuer.url:
            raise IssuerMismatchError(f"The document at {answer.host} is about another issuer.")
        return document
    raise AuthorizationServerUnavailableError(
        f"The issuer has no discovery document: HTTP {', '.join(statuses)}."
    )


def check_places(issuer: Issuer, place: str | None) -> None:
    """Raise InvalidInputError unless the URL of the issuer, and `place` if it is given, may be asked."""
    try:
        for url in (issuer.url, place) if place else (issuer.url,):
            check_url(url, private=issuer.private_addresses)
    except AuthorizationError:
        raise InvalidInputError(
            "The URL of an issuer, and that of its keys or its introspection endpoint, begins with https://; with "
            "private_addresses, http:// is permitted on this machine."
        ) from None


def check_secret(place: str) -> None:
    """Raise InvalidInputError for what is no reference of a secret that an issuer may have."""
    try:
        if parse_reference(place) is None:
            schemes = " or ".join(f"{scheme}://" for scheme in secret_stores.known_stores())
            raise InvalidInputError(f"The secret is given by reference, {schemes}; it is never stored here.")
        secret_stores.check_reference(place)
    except SecretReferenceError as error:
        raise InvalidInputError(f"{error}.") from None
    if place.startswith(_OWN_PREFIX):
        raise InvalidInputError(f"{place!r} is a setting of this server.")


async def read_secret(place: str) -> str:
    """Return the secret at a reference. Raises AuthorizationServerUnavailableError."""
    try:
        return await secret_stores.resolve_without_blocking(place)
    except SecretReferenceError as error:
        raise AuthorizationServerUnavailableError(f"{error}.") from None
