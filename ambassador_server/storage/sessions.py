"""The repository of sessions; each write is one statement without a lock, because sessions are written often."""

from datetime import datetime

from sqlalchemy import delete, or_, select, update

from ambassador_server.domain.people.sessions import Session
from ambassador_server.storage.object_mappings import SESSIONS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.tables import sessions
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_key, check_value

_MAX_EXPIRED = 500


class SessionRepository(TableRepository[Session]):
    """Sessions of client processes."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, SESSIONS)

    async def touch(self, session_id: str, *, seen_at: datetime, expires_at: datetime) -> None:
        """Set the expiry of a session unless it has ended or expired."""
        check_key(session_id, "The id")
        check_value(seen_at, "seen_at")
        check_value(expires_at, "expires_at")
        await self._change(
            update(sessions)
            .where(
                sessions.c.session_id == session_id,
                sessions.c.ended_at.is_(None),
                sessions.c.expires_at > seen_at,
            )
            .values(last_seen_at=seen_at, expires_at=expires_at)
        )

    async def end(self, session_id: str, *, at: datetime, reason: str) -> bool:
        """End the session; returns False if it had ended before or does not exist."""
        check_key(session_id, "The id")
        check_value(at, "at")
        check_value(reason, "reason")
        ended = await self._change(
            update(sessions)
            .where(sessions.c.session_id == session_id, sessions.c.ended_at.is_(None))
            .values(ended_at=at, end_reason=reason)
        )
        return ended > 0

    async def ended_since(self, at: datetime) -> list[Session]:
        """Return the sessions that ended at this time or later, in the order of their ends."""
        check_value(at, "at")
        statement = (
            select(sessions)
            .where(sessions.c.ended_at >= at)
            .order_by(sessions.c.ended_at, sessions.c.session_id)
        )
        return [SESSIONS.from_row(row) for row in await self._transaction.rows(statement)]

    async def expired(self, now: datetime) -> list[Session]:
        """Return up to 500 sessions that expired and were not ended, oldest first."""
        check_value(now, "now")
        statement = (
            select(sessions)
            .where(sessions.c.ended_at.is_(None), sessions.c.expires_at <= now)
            .order_by(sessions.c.expires_at, sessions.c.session_id)
            .limit(_MAX_EXPIRED)
        )
        return [SESSIONS.from_row(row) for row in await self._transaction.rows(statement)]

    async def forget(self, before: datetime) -> int:
        """Delete the sessions that ended or expired before a time, and return how many."""
        check_value(before, "before")
        return await self._change(
            delete(sessions).where(or_(sessions.c.ended_at < before, sessions.c.expires_at < before))
        )

    async def open_sessions(self, now: datetime) -> list[Session]:
        """Return the sessions that have neither ended nor expired, newest first."""
        check_value(now, "now")
        statement = (
            select(sessions)
            .where(SESSIONS.open_at(now))
            .order_by(sessions.c.created_at.desc(), sessions.c.session_id.desc())
        )
        return [SESSIONS.from_row(row) for row in await self._transaction.rows(statement)]
