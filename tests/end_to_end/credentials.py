"""Declares what credentials an MCP needs, in the database of a server, and reads what it stores."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.credentials.stored_credentials import new_credential
from ambassador_server.storage.sql_store import open_store
from tests.end_to_end.world import World

T = TypeVar("T")


def in_database(world: World, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """Return what the function returns of a transaction in the server's database."""

    async def run() -> T:
        store = await open_store(f"sqlite+aiosqlite:///{world.rig.data_dir / 'ambassador.db'}")
        try:
            async with store.write() as open_work:
                return await work(open_work)
        finally:
            await store.close()

    return asyncio.run(run())


def declare(world: World, name: str, *fields: CredentialField, published: bool = False) -> None:
    """Let an MCP need these fields, and publish it without a test."""

    async def write(work: UnitOfWork) -> None:
        mcp = await work.mcps.by_name(name)
        assert mcp is not None
        status = McpStatus.PUBLISHED if published else mcp.status
        await work.mcps.replace(replace(mcp, credentials=CredentialNeeds(fields=fields), status=status))

    in_database(world, write)


def give(world: World, user_name: str, mcp_name: str) -> None:
    """Let a user have a credential for an MCP, without values."""

    async def write(work: UnitOfWork) -> None:
        user, mcp = await work.users.by_name(user_name), await work.mcps.by_name(mcp_name)
        assert user is not None
        assert mcp is not None
        await work.credentials.add(new_credential(user.user_id, mcp.mcp_id, datetime.now(UTC)))

    in_database(world, write)
