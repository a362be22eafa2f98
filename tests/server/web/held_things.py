"""Everything that a user can hold, and what the database has of it."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.ports.store import Store
from tests.conformance import store_samples as samples

NOW = datetime.now(UTC)
LASTS = {"created_at": NOW, "expires_at": NOW + timedelta(hours=1)}

Row: TypeAlias = dict[str, Any]
Dump: TypeAlias = dict[str, list[Row]]


async def give(store: Store, user_id: str, number: int) -> None:
    """Let a user hold one of everything; other users have other numbers."""
    mcp, key, group = samples.mcp(number), samples.client_key(number, user_id=user_id), samples.group(number)
    credential = samples.credential(number, user_id=user_id, fields=(OAUTH_FIELD, "token"))
    async with store.write() as work:
        await work.mcps.add(mcp)
        await work.groups.add(group)
        await work.memberships.add(Membership(user_id=user_id, group_id=group.group_id))
        await work.passwords.add(samples.password(user_id=user_id))
        await work.keys.add(key)
        await work.subscriptions.add(samples.subscription(number, key_id=key.key_id, mcp_id=mcp.mcp_id))
        await work.enrolments.add(samples.enrolment(number, user_id=user_id, **LASTS))
        await work.grants.add(
            samples.grant(number, group_id=None, user_id=user_id, mcp_id=mcp.mcp_id, expires_at=None)
        )
        await work.credentials.add(credential)
        for field in credential.fields:
            await work.secrets.put(samples.secret(field, credential_id=credential.credential_id))
        await work.pending.add(
            samples.pending(number, user_id=user_id, mcp_id=mcp.mcp_id, state_digest=f"{number}", **LASTS)
        )
        await work.requests.add(
            samples.request(number, user_id=user_id, mcp_id=mcp.mcp_id, key_id=key.key_id, **LASTS)
        )
        session = samples.session(number, user_id=user_id, key_id=key.key_id, **LASTS)
        await work.sessions.add(replace(session, lifetime_ends_at=NOW + timedelta(days=1)))
        await work.admin_keys.add(samples.admin_key(number, user_id=user_id, roles=()))
        await work.switches.add(
            samples.switch(number, scope=SwitchScope.USER, target=user_id, drill=True, lifted_at=NOW)
        )
        await work.limits.add(samples.limit(number, scope=LimitScope.USER, target=user_id))


def dump(database: Path) -> Dump:
    """Return every row of every table."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}


def rows_with(found: Dump, *values: str) -> Dump:
    """Return the rows that have one of these values in any column, by their tables."""
    matching = {
        table: [row for row in rows if not {str(each) for each in row.values()}.isdisjoint(values)]
        for table, rows in found.items()
    }
    return {table: rows for table, rows in matching.items() if rows}
