"""The table of sessions that this server holds in memory."""

from dataclasses import replace
from datetime import datetime, timedelta

from ambassador_server.domain.people.sessions import Session
from ambassador_server.services.sign_in.session_limits import SessionLimits

KEPT_AFTER_END = timedelta(minutes=2)
"""A session that has ended stays in the table this long, so that a slow read of the store does not reopen it."""


class HeldSessions:
    """Finds sessions by id and by the digest of their token, and limits how many of a key are open."""

    def __init__(self, limit_per_key: int) -> None:
        self._limits = SessionLimits(limit_per_key)
        self._by_id: dict[str, Session] = {}
        self._ids_by_digest: dict[bytes, str] = {}

    def get(self, session_id: str | None) -> Session | None:
        """Return the session with this id, open or ended."""
        return None if session_id is None else self._by_id.get(session_id)

    def by_digest(self, token_digest: bytes) -> Session | None:
        """Return the session whose token has this digest, open or ended."""
        return self.get(self._ids_by_digest.get(token_digest))

    def remember(self, session: Session) -> None:
        """Put a session into the table, in place of its earlier state."""
        self._by_id[session.session_id] = session
        self._ids_by_digest[session.token_digest] = session.session_id
        if session.ended_at is None:
            self._limits.join(session.key_id, session.session_id)
        else:
            self._limits.leave(session.key_id, session.session_id)

    def forget(self, session: Session) -> None:
        """Take a session out of the table."""
        self._limits.leave(session.key_id, session.session_id)
        self._by_id.pop(session.session_id, None)
        self._ids_by_digest.pop(session.token_digest, None)

    def ended_elsewhere(self, ended: Session) -> None:
        """Mark a session that is in the table as ended."""
        if ended.session_id in self._by_id:
            self.remember(ended)

    def end_excess(self, newest: Session, now: datetime, reason: str) -> list[Session]:
        """End the sessions of a key beyond its limit, least recently seen first, never the newest; return them."""
        excess = self._limits.excess(newest.key_id)
        if not excess:
            return []
        others = [self._by_id[each] for each in self._limits.of(newest.key_id) if each != newest.session_id]
        surplus = sorted(others, key=lambda each: each.last_seen_at)[:excess]
        ended = [replace(each, ended_at=now, end_reason=reason) for each in surplus]
        for each in ended:
            self.remember(each)
        return ended

    def forget_expired(self, now: datetime) -> None:
        """Take out the sessions that have expired, and those that ended long enough ago."""
        for session in tuple(self._by_id.values()):
            if session.expires_at <= now or (session.ended_at or now) < now - KEPT_AFTER_END:
                self.forget(session)

    def open_count(self, now: datetime) -> int:
        """Return how many sessions are open."""
        return sum(session.is_open(now) for session in self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)
