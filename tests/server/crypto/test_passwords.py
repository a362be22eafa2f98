"""Argon2id with the parameters of RFC 9106, a few at a time."""

import asyncio

import pytest
from argon2 import extract_parameters
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from ambassador_server.crypto.passwords import Argon2Passwords
from ambassador_server.errors import OverloadedError


async def test_hash_is_what_the_rfc_recommends_and_proves_its_password_alone() -> None:
    passwords = Argon2Passwords()
    async with passwords.turn() as turn:
        stored = await turn.hash("correct horse battery")
        assert stored.startswith("$argon2id$v=19$")
        assert extract_parameters(stored) == RFC_9106_LOW_MEMORY
        assert await turn.verify("correct horse battery", stored)
        assert not await turn.verify("correct horse batterx", stored)
        assert not turn.is_outdated(stored)


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_what_is_no_hash_is_nobodys(stored: str | None) -> None:
    async with Argon2Passwords(parameters=CHEAPEST).turn() as turn:
        assert not await turn.verify("", stored)
        assert not await turn.verify("correct horse battery", stored)


async def test_hash_of_other_parameters_is_right_and_outdated() -> None:
    async with Argon2Passwords(parameters=CHEAPEST).turn() as turn:
        stored = await turn.hash("correct horse battery")
    async with Argon2Passwords().turn() as turn:
        assert await turn.verify("correct horse battery", stored)
        assert turn.is_outdated(stored)


async def test_few_are_worked_on_at_once_few_wait_and_the_rest_are_told() -> None:
    passwords = Argon2Passwords(parameters=CHEAPEST, at_once=1, may_wait=1)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with passwords.turn():
            inside.set()
            await leave.wait()

    async def wait() -> None:
        async with passwords.turn():
            pass

    async with asyncio.timeout(10):
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
