"""Holds what issuers say of themselves: refreshed in the background, and no longer than an hour without its issuer."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Generic, TypeVar

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import AuthorizationError, AuthorizationServerUnavailableError

T = TypeVar("T")
R = TypeVar("R")

REFRESHED_AFTER: Final = 300.0
KEPT: Final = 3600.0
"""How long is used what cannot be fetched again."""
TRIED_EVERY: Final = 30.0
"""How often a token, of which nothing is verified yet, may make this server fetch something of its issuer."""


class _Held(Generic[T]):
    """What was fetched of one issuer, and when it was fetched last, and tried to be."""

    def __init__(self, issuer: Issuer) -> None:
        self.source = _source(issuer)
        self.value: T | None = None
        self.fetched_at = self.tried_at = float("-inf")
        self.failure = "It was not fetched yet."
        self.tries = 0
        self.lock = asyncio.Lock()


class HeldByIssuer(Generic[T]):
    """Holds what `fetch` returns for each issuer; it may raise AuthorizationError."""

    def __init__(self, fetch: Callable[[Issuer], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._held: dict[str, _Held[T]] = {}

    async def choose(self, issuer: Issuer, choose: Callable[[T], R]) -> R:
        """Return what is chosen; if that is nothing, of what the issuer has now.

        Raises AuthorizationServerUnavailableError if nothing is held that may still be used.
        """
        held = self._of(issuer)
        chosen = self._choose(held, choose)
        if not chosen and await self._try(issuer, held):
            chosen = self._choose(held, choose)
        if chosen is None:
            raise AuthorizationServerUnavailableError(held.failure)
        return chosen

    async def renew(self, issuer: Issuer) -> bool:
        """Fetch again what was refused; return whether that was done, which it is not if it was tried lately."""
        return await self._try(issuer, self._of(issuer))

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch what is old, all at the same time, and forget other issuers."""
        known = {issuer.issuer_id for issuer in issuers}
        self._held = {each: held for each, held in self._held.items() if each in known}
        old = [each for each in issuers if self._age(self._of(each)) >= REFRESHED_AFTER]
        await asyncio.gather(*(self._try(each, self._of(each)) for each in old))

    def _of(self, issuer: Issuer) -> _Held[T]:
        held = self._held.get(issuer.issuer_id)
        if held is None or held.source != _source(issuer):
            held = self._held[issuer.issuer_id] = _Held(issuer)
        return held

    def _age(self, held: _Held[T]) -> float:
        return self._monotonic() - held.fetched_at

    def _choose(self, held: _Held[T], choose: Callable[[T], R]) -> R | None:
        if held.value is None or self._age(held) >= KEPT:
            return None
        return choose(held.value)

    async def _try(self, issuer: Issuer, held: _Held[T]) -> bool:
        """Fetch unless that was tried lately; those who come meanwhile wait for the same answer."""
        before = held.tries
        async with held.lock:
            if held.tries != before:
                return True
            if self._monotonic() - held.tried_at < TRIED_EVERY:
                return False
            held.tried_at = self._monotonic()
            try:
                held.value = await self._fetch(issuer)
                held.fetched_at = self._monotonic()
            except AuthorizationError as error:
                held.failure = error.message
            finally:
                held.tries += 1
        return True


def _source(issuer: Issuer) -> tuple[object, ...]:
    return (
        issuer.url,
        issuer.key_source,
        issuer.key_place,
        issuer.client_id,
        issuer.client_secret,
        issuer.private_addresses,
    )
