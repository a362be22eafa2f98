"""Finds which master keys are there, which are needed, and which are lost."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ambassador_server.errors import VaultKeyMissingError
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.vault import Vault
from ambassador_server.services.shared.database_deadline import within_deadline

_log = logging.getLogger(__name__)


class KeyUse(StrEnum):
    """What a master key is for: a `lost` one is not there, or is another one, and values need it."""

    SEALS = "seals"
    NEEDED = "needed"
    UNUSED = "unused"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """A master key, and how many stored values it has sealed; registrations of this server are among them."""

    number: int
    values: int
    use: KeyUse


class VaultState:
    """Compares the master keys of this machine with the values in the database.

    `problems` says in sentences what was wrong at the last comparison of `follow`.
    """

    def __init__(self, *, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self.problems: tuple[str, ...] = ()

    @within_deadline
    async def follow(self) -> None:
        """Compare, and log a problem that is new; raises StorageError."""
        try:
            async with self._store.read() as work:
                keys = await self._compare(work)
        except VaultKeyMissingError as error:
            found: tuple[str, ...] = (error.message,)
        else:
            found = tuple(sentence_of_loss(key) for key in keys if key.use is KeyUse.LOST)
        for sentence in set(found).difference(self.problems):
            _log.error("credentials of users: %s", sentence)
        self.problems = found

    async def keys(self) -> Sequence[MasterKey]:
        """Return every master key that is there or needed, by number; raises VaultKeyMissingError for an unusable one.

        A key is unused only if no server on this directory can still store a value under it: values are sealed in
        transactions that write, and this waits for those.
        """
        async with self._store.write() as work:
            await work.sealed.wait_for_writers()
            return await self._compare(work)

    async def _compare(self, work: UnitOfWork) -> list[MasterKey]:
        numbers = frozenset(self._vault.numbers)
        counts = await work.sealed.key_counts()
        newest = max(numbers, default=0)
        return [
            MasterKey(number=number, values=counts.get(number, 0), use=await self._use(work, number, newest))
            for number in sorted({*numbers, *counts})
        ]

    async def _use(self, work: UnitOfWork, number: int, newest: int) -> KeyUse:
        sample = await work.sealed.one(number)
        if sample is not None and self._vault.lacks(sample.sealed):
            return KeyUse.LOST
        if number == newest:
            return KeyUse.SEALS
        return KeyUse.UNUSED if sample is None else KeyUse.NEEDED


def sentence_of_loss(key: MasterKey) -> str:
    """Return what a lost key means."""
    return (
        f"the master key vault-{key.number} is missing, or is another one: {key.values} stored values cannot be "
        "opened"
    )
