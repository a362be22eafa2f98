"""Sessions of client processes: opened with a preshared key, carried by a token, kept alive by heartbeats."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from ambassador_server.domain.audit import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.decision import Reason
from ambassador_server.domain.policy import PrincipalPolicy
from ambassador_server.domain.principal import ClientKey, Origin, Principal, User, UserStatus
from ambassador_server.domain.session import Session, SessionTimes
from ambassador_server.domain.tokens import (
    PRESHARED_KEY_PREFIX,
    digest_key,
    digest_token,
    is_well_formed,
    same,
    visible_prefix,
)
from ambassador_server.errors import (
    InvalidKeyError,
    NotAuthenticatedError,
    NotFoundError,
    RateLimitedError,
    StoppedError,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.session_tokens import SessionTokens
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.auditor import Auditor, user_actor
from ambassador_server.services.guesses import check_guesses
from ambassador_server.services.policy_keeper import PolicyKeeper

MIN_HEARTBEAT = timedelta(seconds=10)
_ENDED_STAYS = timedelta(minutes=2)
_KEPT_AFTER_END = timedelta(days=7)


class Sessions:
    """Holds the open sessions in memory, so that checking a token touches no database in steady state."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        tokens: SessionTokens,
        auditor: Auditor,
        throttle: Throttle,
        clock: Clock,
        times: SessionTimes,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._policy = policy
        self._tokens = tokens
        self._auditor = auditor
        self._throttle = throttle
        self._clock = clock
        self._times = times
        self._pepper = pepper
        self._held: dict[str, Session] = {}
        self._known: dict[bytes, str] = {}
        self._uses: dict[str, tuple[datetime, str]] = {}

    async def open(
        self, preshared_key: str, *, friendly_name: str, host_tool: str, origin: Origin
    ) -> tuple[Session, str]:
        """Open a session of its own for this process and return it with its token.

        Raises InvalidKeyError, and RateLimitedError for an address that guesses.
        """
        key, user = await self._prove(preshared_key, origin)
        await self.refuse_stopped(_principal_of(key, user), origin)
        now = self._clock.now()
        session_id, lifetime_ends_at = str(uuid.uuid4()), now + self._times.lifetime
        token = self._tokens.mint(session_id, key.key_id, lifetime_ends_at)
        session = Session(
            session_id=session_id,
            connection_id=str(uuid.uuid4()),
            user_id=user.user_id,
            key_id=key.key_id,
            token_digest=digest_token(token),
            friendly_name=friendly_name,
            host_tool=host_tool,
            created_at=now,
            expires_at=self._times.next_expiry(now, lifetime_ends_at),
            lifetime_ends_at=lifetime_ends_at,
            last_seen_at=now,
            ended_at=None,
            end_reason=None,
        )
        await self._auditor.event(
            AuditAction.SESSION_OPEN,
            Outcome.SUCCEEDED,
            actor=user_actor(_principal(session, key, user)),
            resource=Resource(kind="session", id=session_id, name=friendly_name),
            origin=origin,
            session_id=session_id,
            details={"host_tool": host_tool, "connection": session.connection_id},
        )
        async with self._store.write() as work:
            await work.sessions.add(session)
        self._remember(session)
        self._uses[key.key_id] = (now, friendly_name)
        return session, token

    async def authenticate(self, token: str) -> Principal:
        """Return who holds this session token. Raises NotAuthenticatedError."""
        digest = digest_token(token)
        session = self._held.get(self._known.get(digest, "")) or await self._recall(token, digest)
        if not session.is_open(self._clock.now()):
            if session.ended_at is None:
                self._forget(session)
            raise NotAuthenticatedError("Session expired; register again")
        snapshot = self._policy.snapshot
        key, user = snapshot.keys.get(session.key_id), snapshot.users.get(session.user_id)
        if key is None or user is None:
            raise NotAuthenticatedError("Valid session token required")
        return _principal(session, key, user)

    async def identify(self, preshared_key: str, origin: Origin) -> Principal:
        """Return who holds this key, for hosts that present it with every request instead of a token."""
        key, user = await self._prove(preshared_key, origin)
        self._uses[key.key_id] = (self._clock.now(), origin.address)
        return _principal_of(key, user)

    def held(self, principal: Principal) -> Session | None:
        """Return the session the principal came with; None for one that presented a key."""
        return self._held.get(principal.session_id or "")

    def was_used(self, key_id: str) -> bool:
        """Tell whether a key was used of late, which the store may not know yet."""
        return key_id in self._uses

    async def heartbeat(self, principal: Principal, origin: Origin) -> Session:
        """Move the session's expiry.

        Raises RateLimitedError when the last one was moments ago, StoppedError while a kill switch holds.
        """
        session = self._session_of(principal)
        await self.refuse_stopped(principal, origin)
        now = self._clock.now()
        if session.created_at < session.last_seen_at and now - session.last_seen_at < MIN_HEARTBEAT:
            wait = (MIN_HEARTBEAT - (now - session.last_seen_at)).seconds + 1
            raise RateLimitedError("Heartbeats come too often", retry_after=wait)
        expires_at = self._times.next_expiry(now, session.lifetime_ends_at)
        async with self._store.write() as work:
            await work.sessions.touch(session.session_id, seen_at=now, expires_at=expires_at)
        # It may have been closed while this was written.
        session = replace(self._session_of(principal), last_seen_at=now, expires_at=expires_at)
        self._remember(session)
        return session

    async def close(self, principal: Principal, connection_id: str, origin: Origin) -> None:
        """End the session of this connection; its token is worthless from now on."""
        session = self._session_of(principal)
        if session.connection_id != connection_id:
            raise NotFoundError("No such connection in this session")
        now = self._clock.now()
        # It stays in memory as ended, so that a request that is just reading the store cannot bring it back.
        self._remember(replace(session, ended_at=now, end_reason="disconnected"))
        async with self._store.write() as work:
            await work.sessions.end(session.session_id, at=now, reason="disconnected")
        await self._auditor.event(
            AuditAction.SESSION_CLOSE,
            Outcome.SUCCEEDED,
            actor=user_actor(principal),
            resource=Resource(kind="session", id=session.session_id, name=session.friendly_name),
            origin=origin,
            session_id=session.session_id,
            details={"reason": "disconnected"},
        )

    def end_now(self, ended: Session) -> None:
        """Take note that a session was ended elsewhere; its token is worthless from now on."""
        if ended.session_id in self._held:
            self._remember(ended)

    async def follow_ends(self) -> None:
        """Take note of the sessions that another process ended."""
        since = self._clock.now() - _ENDED_STAYS
        async with self._store.read() as work:
            for ended in await work.sessions.ended_since(since):
                self.end_now(ended)

    async def save_uses(self) -> None:
        """Store when and on which host each key was last used; registering must not wait for it."""
        uses, self._uses = self._uses, {}
        if uses:
            async with self._store.write() as work:
                for key_id, (at, host) in uses.items():
                    await work.keys.touch(key_id, at=at, host=host)

    async def forget_expired(self) -> None:
        """Drop what is over: from memory once nobody can still be reading it, from the store after a week."""
        now = self._clock.now()
        for session in tuple(self._held.values()):
            if session.expires_at <= now or (session.ended_at or now) < now - _ENDED_STAYS:
                self._forget(session)
        async with self._store.write() as work:
            await work.sessions.forget(now - _KEPT_AFTER_END)

    def __len__(self) -> int:
        return len(self._held)

    def _session_of(self, principal: Principal) -> Session:
        session = self._held.get(principal.session_id or "")
        if session is None or session.ended_at is not None:
            raise NotAuthenticatedError("Valid session token required")
        return session

    def _remember(self, session: Session) -> None:
        self._held[session.session_id] = session
        self._known[session.token_digest] = session.session_id

    def _forget(self, session: Session) -> None:
        self._held.pop(session.session_id, None)
        self._known.pop(session.token_digest, None)

    async def _recall(self, token: str, digest: bytes) -> Session:
        """Load a session that another process opened, or this one before a restart.

        The signature is checked first, so that a forged token never reaches the database.
        """
        claims = self._tokens.verify(token)
        if claims is None:
            raise NotAuthenticatedError("Valid session token required")
        async with self._store.read() as work:
            session = await work.sessions.get(claims.session_id)
        if session is None or not same(session.token_digest, digest):
            raise NotAuthenticatedError("Valid session token required")
        if session.session_id in self._held:
            return self._held[session.session_id]
        if session.is_open(self._clock.now()):
            self._remember(session)
        return session

    async def _prove(self, preshared_key: str, origin: Origin) -> tuple[ClientKey, User]:
        """Return the key and its user. A good key is never made to wait for somebody else's guesses."""
        found = self._find(preshared_key)
        if found is None:
            check_guesses(self._throttle, origin)
            await self._refused(preshared_key, origin)
            raise InvalidKeyError("Invalid or inactive key")
        return found

    def _find(self, preshared_key: str) -> tuple[ClientKey, User] | None:
        """Return the key and its user when both are in good standing; one answer for every way it can fail."""
        if not is_well_formed(preshared_key, PRESHARED_KEY_PREFIX):
            return None
        snapshot, digest = self._policy.snapshot, digest_key(preshared_key, self._pepper)
        candidates = snapshot.keys_by_prefix.get(visible_prefix(preshared_key, PRESHARED_KEY_PREFIX), ())
        key = next((key for key in candidates if same(key.digest, digest)), None)
        if key is None or not key.is_good(self._clock.now()):
            return None
        user = snapshot.users.get(key.user_id)
        return (key, user) if user is not None and user.status is UserStatus.ACTIVE else None

    async def refuse_stopped(self, principal: Principal, origin: Origin) -> None:
        """Raise StoppedError while a kill switch holds for this person: no session begins, none is kept alive."""
        switch = PrincipalPolicy(self._policy.snapshot, principal, self._policy.moment()).stopped_by
        if switch is None:
            return
        await self._auditor.event(
            AuditAction.SESSION_REFUSE,
            Outcome.DENIED,
            actor=user_actor(principal),
            resource=Resource(kind="key", id=principal.key_id, name=principal.key_name),
            origin=origin,
            reason=Reason.KILL_SWITCH,
            session_id=principal.session_id,
            details={"switch": switch.switch_id},
        )
        raise StoppedError(f"You are stopped by an administrator: {switch.message or switch.reason}")

    async def _refused(self, preshared_key: str, origin: Origin) -> None:
        shown = None
        if is_well_formed(preshared_key, PRESHARED_KEY_PREFIX):
            shown = visible_prefix(preshared_key, PRESHARED_KEY_PREFIX)
        await self._auditor.event(
            AuditAction.SESSION_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=Resource(kind="key", id=None, name=shown),
            origin=origin,
            reason="invalid_credentials",
        )


def _principal(session: Session, key: ClientKey, user: User) -> Principal:
    return _principal_of(key, user, session.session_id)


def _principal_of(key: ClientKey, user: User, session_id: str | None = None) -> Principal:
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id=key.key_id,
        key_name=key.name,
        session_id=session_id,
    )
