"""Runs SQL beside the store, for tests that need what the store does not do."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")


async def run(url: str, function: Callable[[Connection], T]) -> T:
    """Run the function on a separate connection and commit."""
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(function)
    finally:
        await engine.dispose()


async def execute(url: str, *statements: str) -> Any:
    """Run the statements and return the rows of the last one, if it has any."""

    def each(connection: Connection) -> Any:
        result = [connection.execute(text(statement)) for statement in statements][-1]
        return result.all() if result.returns_rows else None

    return await run(url, each)
