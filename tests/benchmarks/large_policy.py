"""Writes the policy of a large organisation into the SQLite database of a server that does not run."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert, update

from ambassador_server.domain.catalog.mcps import Pin
from ambassador_server.storage import tables
from ambassador_server.storage.object_mappings import CLIENT_KEYS, GRANTS, GROUPS, MCPS, USERS, ObjectMapping
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, KEY, MCP, USER

EVERYONE = "everyone"
"""The group that may call every tool; `member_name(0)` is its only member."""


@dataclass(frozen=True, slots=True)
class Size:
    """The number of objects of each kind."""

    users: int
    groups: int
    mcps: int
    grants: int
    memberships: int


def member_name(number: int) -> str:
    """Return the name of a user."""
    return f"user{number}"


def mcp_name(number: int) -> str:
    """Return the name of an MCP."""
    return f"mcp{number}"


def write_policy(database: Path, size: Size, urls: Sequence[str]) -> None:
    """Add the objects; the MCPs are at these addresses in turn, and no two objects were created at the same time."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        _write(connection, size, urls)
    engine.dispose()


def _write(connection: Connection, size: Size, urls: Sequence[str]) -> None:
    users = [
        replace(USER, user_id=_id(), name=member_name(n), email=f"{member_name(n)}@example.com", **_times(n))
        for n in range(size.users)
    ]
    groups = [replace(GROUP, group_id=_id(), name=f"group{n}", **_times(n)) for n in range(size.groups)]
    everyone = replace(GROUP, group_id=_id(), name=EVERYONE)
    keys = [
        replace(
            KEY,
            key_id=_id(),
            user_id=user.user_id,
            prefix=f"bench{n:07}",
            digest=n.to_bytes(32),
            created_at=user.created_at,
            expires_at=user.created_at + timedelta(days=3650),
        )
        for n, user in enumerate(users)
    ]
    mcps = [
        replace(
            MCP,
            mcp_id=_id(),
            name=mcp_name(n),
            transport="streamable_http",
            options={"url": urls[n % len(urls)]},
            pin=Pin.BLOCK,
            **_times(n),
        )
        for n in range(size.mcps)
    ]
    # The same pair of group and MCP occurs again only when all pairs have occurred.
    pairs = [
        (groups[n % size.groups], mcps[(n // size.groups + n) % size.mcps])
        for n in range(size.grants - size.mcps)
    ]
    granted = [*pairs, *((everyone, mcp) for mcp in mcps)]
    grants = [
        replace(
            GRANT,
            grant_id=_id(),
            group_id=group.group_id,
            mcp_id=mcp.mcp_id,
            patterns=("*",) if n % 3 or group is everyone else (f"{mcp.name}.tool_*1",),
            created_at=START + timedelta(seconds=n),
        )
        for n, (group, mcp) in enumerate(granted)
    ]
    memberships = [
        (users[n % size.users], groups[(n // size.users * 97 + n) % size.groups])
        for n in range(size.memberships - 1)
    ]
    _insert(connection, USERS, users)
    _insert(connection, GROUPS, [*groups, everyone])
    _insert(connection, CLIENT_KEYS, keys)
    _insert(connection, MCPS, mcps)
    _insert(connection, GRANTS, grants)
    rows = [
        {"user_id": user.user_id, "group_id": group.group_id, "owner": None}
        for user, group in [*memberships, (users[0], everyone)]
    ]
    connection.execute(insert(tables.memberships), rows)
    connection.execute(update(tables.policy_state).values(version=tables.policy_state.c.version + 1))


def _insert(connection: Connection, mapping: ObjectMapping[Any], items: Sequence[Any]) -> None:
    connection.execute(insert(mapping.table), [mapping.to_row(item) for item in items])


def _id() -> str:
    return str(uuid.uuid4())


def _times(number: int) -> dict[str, Any]:
    at = START + timedelta(seconds=number)
    return {"created_at": at, "updated_at": at}
