"""Seals every stored value again with the newest master key, in portions, beside running servers."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ambassador_server.domain.people.credentials import StoredSecret, UserCredential
from ambassador_server.errors import VaultError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Sealed, Vault
from ambassador_server.services.credentials.stored_credentials import place_of

BATCH: Final = 200
"""So many values are sealed again in one transaction, for which other writers wait."""


class _Result(StrEnum):
    DONE = "done"
    BUSY = "busy"
    UNOPENED = "unopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationProgress:
    """How far a rotation to the key `key_number` is.

    `total` counts the values that had older keys at the start. `unopened` counts, by key number, those that cannot be
    opened. Once `is_over`, no other value has an older key.
    """

    key_number: int
    total: int
    sealed_again: int = 0
    unopened: Mapping[int, int] = field(default_factory=dict)
    is_over: bool = False


class VaultRotation:
    """Rotates the master key.

    Nothing is kept between portions, so that a rotation that was killed goes on where it was. A value that a server
    replaces meanwhile is left as that server has sealed it. `pause` waits for servers that refresh tokens.
    """

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        clock: Clock,
        pause: Callable[[], Awaitable[None]],
        batch: int = BATCH,
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._pause = pause
        self._batch = batch

    async def run(self) -> AsyncIterator[RotationProgress]:
        """Yield the progress at the start, after every portion, and at the end."""
        newest = self._vault.newest
        async with self._store.read() as work:
            counts = await work.secrets.key_counts()
        older = sum(count for number, count in counts.items() if number < newest)
        progress = RotationProgress(key_number=newest, total=older)
        yield progress
        while True:
            busy, unopened, after = 0, Counter[int](), None
            while portion := await self._read(newest, after):
                after = (portion[-1].credential_id, portion[-1].field)
                results = await self._seal_again(portion)
                busy += results.count(_Result.BUSY)
                unopened.update(
                    each.key_number
                    for each, result in zip(portion, results, strict=True)
                    if result is _Result.UNOPENED
                )
                done = progress.sealed_again + results.count(_Result.DONE)
                progress = replace(progress, sealed_again=done, unopened=dict(unopened))
                yield progress
            if not busy and await self._is_over(newest, unopened):
                break
            if busy:
                await self._pause()
        yield replace(progress, unopened=dict(unopened), is_over=True)

    async def _read(self, newest: int, after: tuple[str, str] | None) -> Sequence[StoredSecret]:
        async with self._store.read() as work:
            return await work.secrets.sealed_before(newest, limit=self._batch, after=after)

    async def _is_over(self, newest: int, unopened: Counter[int]) -> bool:
        """Tell whether no value has an older key but those; waits for servers that are storing one."""
        async with self._store.write() as work:
            await work.secrets.sealed_before(1, limit=1)  # waits for its turn among writers
            counts = await work.secrets.key_counts()
        return all(number >= newest or count <= unopened[number] for number, count in counts.items())

    async def _seal_again(self, portion: Sequence[StoredSecret]) -> list[_Result]:
        async with self._store.write() as work:
            results = []
            for secret in portion:
                credential = await work.credentials.get(secret.credential_id)
                again = None if credential is None else self._sealed_again(credential, secret)
                if again is None:
                    results.append(_Result.BUSY if credential is None else _Result.UNOPENED)
                    continue
                done = await work.secrets.seal_again(again, expected=secret.version, now=self._clock.now())
                results.append(_Result.DONE if done else _Result.BUSY)
        return results

    def _sealed_again(self, credential: UserCredential, secret: StoredSecret) -> StoredSecret | None:
        """Return the value under the newest key; None if it cannot be opened."""
        place = place_of(credential, secret.field)
        try:
            value = self._vault.open(Sealed(secret.key_number, secret.sealed), place)
        except VaultError:
            return None
        sealed = self._vault.seal(value, place)
        return replace(
            secret, key_number=sealed.key_number, sealed=sealed.content, version=secret.version + 1
        )
