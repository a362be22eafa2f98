"""No part of an audit query reads every event, according to the query plans of the databases."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.ports.store import Store
from tests.benchmarks.audit_queries import NOW, records
from tests.conformance.store_samples import position

COUNT = 20_000

INDEXED = [
    *("user=user-17", "tool=mcp-3.tool-23", "tool~mcp-3.*", "user~*-17", "action~admin:*", "outcome=failed"),
    *(
        "reason=kill_switch",
        "request=r-17",
        "request~r-17*",
        "session=s-42",
        "source=10.0.0.42",
        "kind=group",
    ),
    "user=user-17 or reason=kill_switch or request=r-1",
    "(user=user-17 or user=user-18) (outcome=denied or outcome=failed)",
    "user in (user-1, user-2, nobody) or tool~mcp-3.*",
    "user=user-17 tool~mcp-3.* since=1d",
    "since=1m",
]

Asked = list[tuple[str, tuple[Any, ...]]]


@contextmanager
def listened() -> Iterator[Asked]:
    """Collect every statement that reads events while the block runs, with its values."""
    asked: Asked = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *more: Any) -> None:
        if "FROM audit_events" in statement:
            asked.append((statement, tuple(values)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def explain(url: str, asked: Asked) -> list[str]:
    """Return the steps of the query plan."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            return [
                row[3]
                for statement, values in asked
                for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("ANALYZE audit_events")
        return [
            row[0]
            for statement, values in asked
            for row in await connection.fetch(f"EXPLAIN {statement}", *values)
        ]
    finally:
        await connection.close()


async def test_every_query_finds_its_page_in_indexes(store: Store, store_url: str) -> None:
    if store_url == "memory":
        pytest.skip("there are no indexes in memory")
    async with store.write() as work:
        await work.audit.insert(list(records(COUNT)), position(COUNT))
    await explain(store_url, [])
    for text in INDEXED:
        with listened() as asked:
            async with store.read() as work:
                await work.audit.newest(parse_query(text, NOW), limit=100)
        steps = await explain(store_url, asked)
        assert steps, text
        whole = [
            step
            for step in steps
            if "Seq Scan on audit_events" in step or step.startswith("SCAN audit_events")
        ]
        assert whole == [], text
