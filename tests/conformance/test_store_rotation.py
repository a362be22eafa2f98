"""A rotation beside servers that refresh tokens and give values, on every store: nothing is lost, nothing deadlocks."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.people.credentials import StoredSecret
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Sealed, SecretPlace
from ambassador_server.services.credentials.rotation import VaultRotation
from ambassador_server.services.credentials.stored_credentials import new_credential, put_values
from tests.conformance.store_samples import NOW, mcp, user
from tests.patience import PATIENCE

USERS, REFRESHES, ROTATIONS = 8, 6, 3


class Servers:
    """Write under the newest key that they know, as servers of one directory do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = {1: b"1" * 32}
        self.vault = AesGcmVault(lambda: self.keys)
        self.expected: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def give(self, user_id: str, value: str) -> None:
        async with self.store.write() as work:
            found = await work.credentials.of(user_id=user_id, mcp_id="m1")
            before = found[0] if found else None
            after = before or new_credential(user_id, "m1", NOW)
            written = await put_values(work, self.vault, before, after, {"token": value})
        self.ids[user_id], self.expected[user_id] = written.credential_id, value

    async def refresh(self, user_id: str, value: str) -> None:
        async with self.store.write() as work:
            until = NOW + timedelta(seconds=30)
            assert await work.secrets.lock(self.ids[user_id], "token", now=NOW, until=until)
            known = await work.secrets.get(self.ids[user_id], "token")
        assert known is not None
        await asyncio.sleep(0)
        async with self.store.write() as work:
            await work.sealed.wait_for_writers()
            sealed = self.vault.seal(value.encode(), SecretPlace(user_id, "m1", "token"))
            written = replace(
                known,
                key_number=sealed.key_number,
                sealed=sealed.content,
                version=known.version + 1,
                locked_until=None,
            )
            assert await work.secrets.replace_version(written, expected=known.version)
        self.expected[user_id] = value

    async def work(self, user_id: str) -> None:
        for number in range(REFRESHES):
            if number % 3 == 2:
                await self.give(user_id, f"{user_id} gave {number}")
            else:
                await self.refresh(user_id, f"{user_id} refreshed {number}")

    async def rotate(self) -> None:
        for _ in range(ROTATIONS):
            newest = max(self.keys) + 1
            self.keys[newest] = bytes([newest]) * 32
            steps = [step async for step in VaultRotation(store=self.store, vault=self.vault, batch=3).run()]
            assert (steps[-1].key_number, steps[-1].unopened) == (newest, {})


async def test_values_survive_rotations_beside_refreshes(store: Store) -> None:
    servers, people = Servers(store), [f"u{number}" for number in range(1, USERS + 1)]
    async with store.write() as work:
        await work.mcps.add(mcp(1))
        for number, user_id in enumerate(people, 1):
            await work.users.add(user(number, user_id=user_id, name=user_id))
    for user_id in people:
        await servers.give(user_id, f"{user_id} at first")
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(servers.rotate())
        for user_id in people:
            group.create_task(servers.work(user_id))
    newest = max(servers.keys)
    async with store.read() as work:
        assert set(await work.sealed.key_counts()) == {newest}
        stored: list[StoredSecret | None] = [
            await work.secrets.get(servers.ids[user_id], "token") for user_id in people
        ]
    alone = AesGcmVault(lambda: {newest: servers.keys[newest]})
    for user_id, secret in zip(people, stored, strict=True):
        assert secret is not None
        opened = alone.open(Sealed(secret.key_number, secret.sealed), SecretPlace(user_id, "m1", "token"))
        assert opened.decode() == servers.expected[user_id]
