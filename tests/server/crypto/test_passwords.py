"""Passwords are hashed with the Argon2id parameters of RFC 9106, and few at a time."""

import asyncio

import pytest
from argon2 import extract_parameters
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from ambassador_server.crypto.passwords import Argon2HasherPool
from ambassador_server.errors import OverloadedError
from tests.patience import PATIENCE


async def test_hash_has_the_parameters_of_the_rfc_and_verifies_only_its_password() -> None:
    passwords = Argon2HasherPool()
    async with passwords.acquire() as hasher:
        stored = await hasher.hash("correct horse battery")
        assert stored.startswith("$argon2id$v=19$")
        assert extract_parameters(stored) == RFC_9106_LOW_MEMORY
        assert await hasher.verify("correct horse battery", stored)
        assert not await hasher.verify("correct horse batterx", stored)
        assert not hasher.is_outdated(stored)


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_text_that_is_not_a_hash_verifies_no_password(stored: str | None) -> None:
    async with Argon2HasherPool(parameters=CHEAPEST).acquire() as hasher:
        assert not await hasher.verify("", stored)
        assert not await hasher.verify("correct horse battery", stored)


async def test_hash_with_other_parameters_verifies_and_is_outdated() -> None:
    async with Argon2HasherPool(parameters=CHEAPEST).acquire() as hasher:
        stored = await hasher.hash("correct horse battery")
    async with Argon2HasherPool().acquire() as hasher:
        assert await hasher.verify("correct horse battery", stored)
        assert hasher.is_outdated(stored)


async def test_running_and_waiting_hashes_are_bounded_and_the_rest_are_refused() -> None:
    passwords = Argon2HasherPool(parameters=CHEAPEST, max_running=1, max_waiting=1)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with passwords.acquire():
            inside.set()
            await leave.wait()

    async def wait() -> None:
        async with passwords.acquire():
            pass

    async with asyncio.timeout(PATIENCE):
        holder = asyncio.create_task(hold())
        await inside.wait()
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await wait()
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        waiter = asyncio.create_task(wait())
        leave.set()
        await asyncio.gather(holder, waiter)
        await wait()
