"""Holds the keys of each issuer: refreshed in the background, and no longer than an hour without their issuer."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import AuthorizationError, AuthorizationServerUnavailableError
from ambassador_server.identity.key_set import KeySet, VerificationKey
from ambassador_server.identity.key_sources import KeySources

REFRESHED_AFTER: Final = 300.0
KEPT: Final = 3600.0
"""How long keys are used that cannot be fetched again."""
TRIED_EVERY: Final = 30.0
"""How often a token, of which nothing is verified yet, may make this server fetch keys of its issuer."""


class _Held:
    """The keys of one issuer, and when they were fetched last, and tried to be."""

    def __init__(self, issuer: Issuer) -> None:
        self.source = _source(issuer)
        self.keys: KeySet | None = None
        self.fetched_at = self.tried_at = float("-inf")
        self.failure = "The keys were not fetched yet."
        self.tries = 0
        self.lock = asyncio.Lock()


class HeldKeys:
    """Finds the keys of issuers, mostly without waiting."""

    def __init__(self, sources: KeySources, monotonic: Callable[[], float]) -> None:
        self._sources = sources
        self._monotonic = monotonic
        self._held: dict[str, _Held] = {}

    async def choose(self, issuer: Issuer, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token. Raises AuthorizationError without any keys of the issuer."""
        held = self._of(issuer)
        chosen = self._choose(held, algorithm, key_id)
        if not chosen and await self._try(issuer, held):
            chosen = self._choose(held, algorithm, key_id)
        if chosen is None:
            raise AuthorizationServerUnavailableError(held.failure)
        return chosen

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch the keys that are old, all at the same time, and forget those of other issuers."""
        known = {issuer.issuer_id for issuer in issuers}
        self._held = {each: held for each, held in self._held.items() if each in known}
        old = [each for each in issuers if self._age(self._of(each)) >= REFRESHED_AFTER]
        await asyncio.gather(*(self._try(each, self._of(each)) for each in old))

    def _of(self, issuer: Issuer) -> _Held:
        held = self._held.get(issuer.issuer_id)
        if held is None or held.source != _source(issuer):
            held = self._held[issuer.issuer_id] = _Held(issuer)
        return held

    def _age(self, held: _Held) -> float:
        return self._monotonic() - held.fetched_at

    def _choose(self, held: _Held, algorithm: str, key_id: str | None) -> Sequence[VerificationKey] | None:
        """Return the fitting keys; None if there are no keys that may still be used."""
        if held.keys is None or self._age(held) >= KEPT:
            return None
        return held.keys.choose(algorithm, key_id)

    async def _try(self, issuer: Issuer, held: _Held) -> bool:
        """Fetch the keys unless that was tried lately; those who come meanwhile wait for the same answer."""
        before = held.tries
        async with held.lock:
            if held.tries != before:
                return True
            if self._monotonic() - held.tried_at < TRIED_EVERY:
                return False
            held.tried_at = self._monotonic()
            try:
                held.keys = await self._sources.fetch(issuer)
                held.fetched_at = self._monotonic()
            except AuthorizationError as error:
                held.failure = error.message
            finally:
                held.tries += 1
        return True


def _source(issuer: Issuer) -> tuple[object, ...]:
    return issuer.url, issuer.key_source, issuer.key_place, issuer.private_addresses
