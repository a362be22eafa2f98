"""Seals everything that is stored again with the newest master key, in portions, beside running servers."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ambassador_server.errors import VaultError
from ambassador_server.ports.sealed_rows import SealedRow
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Sealed, Vault
from ambassador_server.services.credentials.oauth_grants import place_of_row

BATCH: Final = 200
"""So many values are sealed again in one transaction, for which other writers wait."""


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

    Nothing is kept between portions, so that a rotation that was killed goes on where it was. What a server replaces
    meanwhile is left as that server has sealed it.
    """

    def __init__(self, *, store: Store, vault: Vault, batch: int = BATCH) -> None:
        self._store = store
        self._vault = vault
        self._batch = batch

    async def run(self) -> AsyncIterator[RotationProgress]:
        """Yield the progress at the start, after every portion, and at the end."""
        newest = self._vault.newest
        async with self._store.read() as work:
            counts = await work.sealed.key_counts()
        older = sum(count for number, count in counts.items() if number < newest)
        progress = RotationProgress(key_number=newest, total=older)
        yield progress
        while True:
            unopened, after = Counter[int](), None
            while portion := await self._read(newest, after):
                after = portion[-1]
                done, failed = await self._seal_again(portion)
                unopened.update(failed)
                progress = replace(
                    progress, sealed_again=progress.sealed_again + done, unopened=dict(unopened)
                )
                yield progress
            if await self._is_over(newest, unopened):
                break
        yield replace(progress, unopened=dict(unopened), is_over=True)

    async def _read(self, newest: int, after: SealedRow | None) -> Sequence[SealedRow]:
        async with self._store.read() as work:
            return await work.sealed.before(newest, limit=self._batch, after=after)

    async def _is_over(self, newest: int, unopened: Counter[int]) -> bool:
        """Tell whether nothing has an older key but those; waits for servers that are storing something."""
        async with self._store.write() as work:
            await work.sealed.wait_for_writers()
            counts = await work.sealed.key_counts()
        return all(number >= newest or count <= unopened[number] for number, count in counts.items())

    async def _seal_again(self, portion: Sequence[SealedRow]) -> tuple[int, list[int]]:
        """Return how many rows were sealed again, and the key number of each that cannot be opened."""
        again = [(row, self._sealed_again(row)) for row in portion]
        async with self._store.write() as work:
            done = [await work.sealed.replace(row, sealed) for row, sealed in again if sealed is not None]
        return sum(done), [row.sealed.key_number for row, sealed in again if sealed is None]

    def _sealed_again(self, row: SealedRow) -> Sealed | None:
        """Return the content under the newest key; None if it cannot be opened."""
        place = place_of_row(row)
        try:
            content = self._vault.open(row.sealed, place)
        except VaultError:
            return None
        return self._vault.seal(content, place)
