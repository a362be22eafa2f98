"""Finds the keys of issuers, mostly without waiting."""

from collections.abc import Callable, Collection, Sequence

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.identity.held import HeldByIssuer
from ambassador_server.identity.key_set import KeySet, VerificationKey
from ambassador_server.identity.key_sources import KeySources


class HeldKeys:
    """Holds the keys of each issuer."""

    def __init__(self, sources: KeySources, monotonic: Callable[[], float]) -> None:
        self._held: HeldByIssuer[KeySet] = HeldByIssuer(sources.fetch, monotonic)

    async def choose(self, issuer: Issuer, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token. Raises AuthorizationError without any keys of the issuer."""
        return await self._held.choose(issuer, lambda keys: keys.choose(algorithm, key_id))

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch the keys that are old, all at the same time, and forget those of other issuers."""
        await self._held.refresh(issuers)
