"""Opens, authenticates, prolongs and ends the sessions of client processes."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.audit.resources import session_resource
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.sessions import Session, SessionBounds
from ambassador_server.domain.secrets.tokens import digest_token, same
from ambassador_server.errors import (
    AuditUnavailableError,
    NotAuthenticatedError,
    NotFoundError,
    RateLimitedError,
    StorageError,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.session_tokens import SessionTokens
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.shared.joined_writes import JoinedWrites
from ambassador_server.services.sign_in.held_sessions import KEPT_AFTER_END, HeldSessions
from ambassador_server.services.sign_in.key_proof import KeyProver, principal_of
from ambassador_server.services.sign_in.login_throttle import count_wrong_token

MIN_HEARTBEAT = timedelta(seconds=10)
_STORED_AFTER_END = timedelta(days=7)
_DISCONNECTED = "disconnected"
_EXPIRED = "expired"
_BEYOND_LIMIT = "too many sessions of this key"


class Sessions:
    """Opens, authenticates, prolongs and ends sessions.

    Open sessions are held in memory, so that checking a token usually reads no database.
    """

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        tokens: SessionTokens,
        prover: KeyProver,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
        bounds: SessionBounds,
    ) -> None:
        self._store = store
        self._writes = JoinedWrites(store)
        self._policy = policy
        self._tokens = tokens
        self._prover = prover
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._bounds = bounds
        self._held = HeldSessions(bounds.per_key)
        self._listeners: list[Callable[[str], None]] = []

    @within_deadline
    async def open(
        self, preshared_key: str, *, friendly_name: str, host_tool: str, origin: Origin
    ) -> tuple[Session, str]:
        """Open a session for one client process and return it with its token.

        If the key then has too many sessions on this server, the least recently seen ones end; their clients can
        register again. Raises InvalidKeyError, and RateLimitedError after too many wrong keys from an address, or if
        the key opens sessions too fast.
        """
        key, user = await self._prover.prove(preshared_key, origin)
        await self._prover.refuse_fast(principal_of(key, user), origin)
        await self._prover.refuse_stopped(principal_of(key, user), origin)
        await self._prover.used(key, user, origin, host=friendly_name)
        now = self._clock.now()
        session_id, lifetime_ends_at = str(uuid.uuid4()), now + self._bounds.lifetime
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
            expires_at=self._bounds.next_expiry(now, lifetime_ends_at),
            lifetime_ends_at=lifetime_ends_at,
            last_seen_at=now,
            ended_at=None,
            end_reason=None,
        )
        await self._writes.run(lambda work: work.sessions.add(session))
        await self._record_open(session, principal_of(key, user, session_id), origin)
        self._held.remember(session)
        surplus = self._held.end_excess(session, self._clock.now(), _BEYOND_LIMIT)
        await self._end(surplus, principal_of(key, user), origin)
        return session, token

    async def authenticate(self, token: str, origin: Origin) -> Principal:
        """Return the principal of a session token. Raises NotAuthenticatedError."""
        digest = digest_token(token)
        session = self._held.by_digest(digest) or await self._load(token, digest, origin)
        if not session.is_open(self._clock.now()):
            if session.ended_at is None:
                self._held.forget(session)
            raise NotAuthenticatedError("Session expired; register again")
        snapshot = self._policy.snapshot
        key, user = snapshot.keys.get(session.key_id), snapshot.users.get(session.user_id)
        if key is None or user is None:
            raise NotAuthenticatedError("Valid session token required")
        return principal_of(key, user, session.session_id)

    def held(self, principal: Principal) -> Session | None:
        """Return the session of a principal; None for a principal that presents a key with every request."""
        return self._held.get(principal.session_id)

    def is_open(self, session_id: str) -> bool:
        """Tell whether a session of this server has neither ended nor expired."""
        session = self._held.get(session_id)
        return session is not None and session.is_open(self._clock.now())

    @within_deadline
    async def heartbeat(self, principal: Principal, origin: Origin) -> Session:
        """Move the expiry of the session.

        Raises RateLimitedError if the last heartbeat is too recent, StoppedError while a kill switch is active.
        """
        session = self._session_of(principal)
        await self._prover.refuse_stopped(principal, origin)
        now = self._clock.now()
        if session.created_at < session.last_seen_at and now - session.last_seen_at < MIN_HEARTBEAT:
            wait = (MIN_HEARTBEAT - (now - session.last_seen_at)).seconds + 1
            raise RateLimitedError("Heartbeats come too often", retry_after=wait)
        expires_at = self._bounds.next_expiry(now, session.lifetime_ends_at)
        await self._writes.run(
            lambda work: work.sessions.touch(session.session_id, seen_at=now, expires_at=expires_at)
        )
        # Read again: the session may have been closed during the write.
        session = replace(self._session_of(principal), last_seen_at=now, expires_at=expires_at)
        self._held.remember(session)
        return session

    @within_deadline
    async def close(self, principal: Principal, connection_id: str, origin: Origin) -> None:
        """End the session of this connection; its token is refused from now on."""
        session = self._session_of(principal)
        if session.connection_id != connection_id:
            raise NotFoundError("No such connection in this session")
        ended = replace(session, ended_at=self._clock.now(), end_reason=_DISCONNECTED)
        self._held.remember(ended)
        await self._end([ended], principal, origin)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the id of every session of this server that is ended from elsewhere."""
        self._listeners.append(listener)

    def end_now(self, ended: Session) -> None:
        """Apply an end that was stored elsewhere; the token is refused from now on."""
        held = self._held.get(ended.session_id)
        self._held.ended_elsewhere(ended)
        if held is not None and held.ended_at is None:
            for listener in self._listeners:
                listener(ended.session_id)

    async def follow_ends(self) -> None:
        """Apply the ends that other processes stored."""
        async with self._store.read() as work:
            for ended in await work.sessions.ended_since(self._clock.now() - KEPT_AFTER_END):
                self.end_now(ended)

    async def forget_expired(self) -> None:
        """Remove ended and expired sessions: from memory after minutes, from the store after a week.

        An expired session is recorded once, by the first process that stores its end.
        """
        now = self._clock.now()
        self._held.forget_expired(now)
        async with self._store.write() as work:
            for session in await work.sessions.expired(now):
                if await work.sessions.end(session.session_id, at=session.expires_at, reason=_EXPIRED):
                    await self._record_expiry(session)
            await work.sessions.forget(now - _STORED_AFTER_END)

    def open_count(self) -> int:
        """Return how many sessions are open on this server."""
        return self._held.open_count(self._clock.now())

    def _session_of(self, principal: Principal) -> Session:
        session = self._held.get(principal.session_id)
        if session is None or session.ended_at is not None:
            raise NotAuthenticatedError("Valid session token required")
        return session

    async def _end(self, ended: Sequence[Session], principal: Principal, origin: Origin) -> None:
        """Store and record the end of sessions that have ended in memory."""
        if ended:
            # A client that hangs up must not leave them open in the store, from which they would be loaded again.
            await asyncio.shield(self._store_ends(ended, principal, origin))

    async def _store_ends(self, ended: Sequence[Session], principal: Principal, origin: Origin) -> None:
        for session in ended:
            at, reason = session.ended_at or self._clock.now(), session.end_reason or _DISCONNECTED
            async with self._store.write() as work:
                await work.sessions.end(session.session_id, at=at, reason=reason)
            await self._recorder.event(
                AuditAction.SESSION_CLOSE,
                Outcome.SUCCEEDED,
                actor=user_actor(principal),
                resource=session_resource(session),
                origin=origin,
                session_id=session.session_id,
                details={"reason": reason},
            )

    async def _record_open(self, session: Session, principal: Principal, origin: Origin) -> None:
        """Record a new session; if that fails, end it, so that its token is never handed out."""
        try:
            await self._recorder.event(
                AuditAction.SESSION_OPEN,
                Outcome.SUCCEEDED,
                actor=user_actor(principal),
                resource=session_resource(session),
                origin=origin,
                session_id=session.session_id,
                details={"host_tool": session.host_tool, "connection": session.connection_id},
            )
        except AuditUnavailableError:
            with suppress(StorageError):
                async with self._store.write() as work:
                    await work.sessions.end(session.session_id, at=session.created_at, reason="not recorded")
            raise

    async def _record_expiry(self, session: Session) -> None:
        user = self._policy.snapshot.users.get(session.user_id)
        await self._recorder.event(
            AuditAction.SESSION_EXPIRE,
            Outcome.SUCCEEDED,
            resource=session_resource(session),
            reason="lifetime" if session.expires_at == session.lifetime_ends_at else "idle",
            session_id=session.session_id,
            details={
                "user": None if user is None else user.name,
                "key": session.key_id,
                "expired_at": session.expires_at.isoformat(),
            },
        )

    async def _refuse_forged(self, origin: Origin) -> None:
        """Record a forged token, unless the address has sent too many of them."""
        if count_wrong_token(self._throttle, origin):
            await self._recorder.event(
                AuditAction.SESSION_REFUSE,
                Outcome.DENIED,
                actor=Actor(kind=ActorKind.UNKNOWN),
                resource=Resource(kind="session", id=None, name=None),
                origin=origin,
                reason="invalid_credentials",
            )

    @within_deadline
    async def _load(self, token: str, digest: bytes, origin: Origin) -> Session:
        """Load a session that another process opened, or that this one opened before a restart.

        The signature is checked first, so that a forged token never reaches the database.
        """
        claims = self._tokens.verify(token)
        if claims is None:
            await self._refuse_forged(origin)
            raise NotAuthenticatedError("Valid session token required")
        async with self._store.read() as work:
            session = await work.sessions.get(claims.session_id)
        if session is None or not same(session.token_digest, digest):
            raise NotAuthenticatedError("Valid session token required")
        held = self._held.get(session.session_id)
        if held is not None:
            return held
        if session.is_open(self._clock.now()):
            self._held.remember(session)
        return session
