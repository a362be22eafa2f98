"""Sessions as operators see them: listing and revoking."""

from dataclasses import replace

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import session_resource
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.sign_in.sessions import Sessions

REVOKED = "revoked"


class SessionControl:
    """The use cases of operators for sessions."""

    def __init__(self, *, store: Store, changes: Changes, sessions: Sessions, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._sessions = sessions
        self._clock = clock

    async def page(self, listing: Listing) -> Slice[Session]:
        """Return one page of the open sessions."""
        async with self._store.read() as work:
            return await work.sessions.page(replace(listing, open_at=self._clock.now()))

    async def revoke(self, requester: Requester, session_id: str) -> Session:
        """End a session: this server refuses its token at once, other servers within a second."""
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            session = await change.work.sessions.get(session_id)
            if session is None:
                raise NotFoundError(f"No session {session_id!r}")
            if not await change.work.sessions.end(session_id, at=now, reason=REVOKED):
                raise ConflictError("This session has ended already")
            user = await change.work.users.get(session.user_id)
            change.record(
                AuditAction.SESSION_REVOKE,
                session_resource(session),
                user=None if user is None else user.name,
                key=session.key_id,
            )
        ended = replace(session, ended_at=now, end_reason=REVOKED)
        self._sessions.end_now(ended)
        return ended
