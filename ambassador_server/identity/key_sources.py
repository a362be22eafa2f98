"""Fetches the keys of an issuer: by discovery, from a URL, or a shared secret by its reference."""

from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.secrets.shared_secrets import secret_fault
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.issuer_documents import check_places, check_secret, discover, read_secret
from ambassador_server.identity.key_set import KeySet, read_key_set, shared_secret


class KeySources:
    """Fetches keys through guarded requests."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose keys could never be fetched."""
        if not issuer.signs_tokens:
            return
        for reference in issuer.assertion_clients.values():
            check_secret(reference)
        if issuer.key_source is KeySource.SECRET:
            check_secret(issuer.key_place or "")
        else:
            check_places(issuer, issuer.key_place)

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
        named = (await discover(self._http, issuer)).get("jwks_uri")
        if isinstance(named, str):
            return named
        raise AuthorizationServerUnavailableError(f"The document of issuer {issuer.name!r} names no keys.")


async def _secret(issuer: Issuer) -> KeySet:
    secret = await read_secret(issuer.key_place or "")
    fault = secret_fault(secret)
    if fault is not None:
        raise AuthorizationServerUnavailableError(f"The secret {fault}.")
    return shared_secret(secret)
