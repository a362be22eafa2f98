"""Sessions of client processes: opened with a preshared key, carried by a token, kept alive by heartbeats."""

import asyncio
import uuid
from collections.abc import Sequence
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
from ambassador_server.services.sign_in.key_proof import KeyProver, principal_of
from ambassador_server.services.sign_in.session_limits import SessionLimits

MIN_HEARTBEAT = timedelta(seconds=10)
_ENDED_STAYS = timedelta(minutes=2)
_KEPT_AFTER_END = timedelta(days=7)
_DISCONNECTED = "disconnected"
_EXPIRED = "expired"
_CROWDED_OUT = "too many sessions of this key"


class Sessions:
    """Holds the open sessions in memory, so that checking a token touches no database in steady state."""

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
        self._policy = policy
        self._tokens = tokens
        self._prover = prover
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._bounds = bounds
        self._limits = SessionLimits(bounds.per_key)
        self._held: dict[str, Session] = {}
        self._known: dict[bytes, str] = {}

    async def open(
        self, preshared_key: str, *, friendly_name: str, host_tool: str, origin: Origin
    ) -> tuple[Session, str]:
        """Open a session of its own for this process and return it with its token.

        Where this server holds as many of the key as there may be, the one that was heard of longest ago ends: its
        client, should it still live, registers again. Raises InvalidKeyError, and RateLimitedError for an address
        that guesses.
        """
        key, user = await self._prover.prove(preshared_key, origin)
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
        async with self._store.write(durable=False) as work:
            await work.sessions.add(session)
        await self._record_open(session, principal_of(key, user, session_id), origin)
        self._remember(session)
        await self._end(self._make_room(session), principal_of(key, user), origin)
        return session, token

    async def authenticate(self, token: str, origin: Origin) -> Principal:
        """Return who holds this session token. Raises NotAuthenticatedError."""
        digest = digest_token(token)
        session = self._held.get(self._known.get(digest, "")) or await self._recall(token, digest, origin)
        if not session.is_open(self._clock.now()):
            if session.ended_at is None:
                self._forget(session)
            raise NotAuthenticatedError("Session expired; register again")
        snapshot = self._policy.snapshot
        key, user = snapshot.keys.get(session.key_id), snapshot.users.get(session.user_id)
        if key is None or user is None:
            raise NotAuthenticatedError("Valid session token required")
        return principal_of(key, user, session.session_id)

    def held(self, principal: Principal) -> Session | None:
        """Return the session the principal came with; None for one that presented a key."""
        return self._held.get(principal.session_id or "")

    async def heartbeat(self, principal: Principal, origin: Origin) -> Session:
        """Move the session's expiry.

        Raises RateLimitedError when the last one was moments ago, StoppedError while a kill switch holds.
        """
        session = self._session_of(principal)
        await self._prover.refuse_stopped(principal, origin)
        now = self._clock.now()
        if session.created_at < session.last_seen_at and now - session.last_seen_at < MIN_HEARTBEAT:
            wait = (MIN_HEARTBEAT - (now - session.last_seen_at)).seconds + 1
            raise RateLimitedError("Heartbeats come too often", retry_after=wait)
        expires_at = self._bounds.next_expiry(now, session.lifetime_ends_at)
        async with self._store.write(durable=False) as work:
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
        # It stays in memory as ended, so that a request that is just reading the store cannot bring it back.
        ended = replace(session, ended_at=self._clock.now(), end_reason=_DISCONNECTED)
        self._remember(ended)
        await self._end([ended], principal, origin)

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

    async def forget_expired(self) -> None:
        """Drop what is over: from memory once nobody can still be reading it, from the store after a week.

        What expired is recorded, by the one process that comes first, whether it held the session or not.
        """
        now = self._clock.now()
        for session in tuple(self._held.values()):
            if session.expires_at <= now or (session.ended_at or now) < now - _ENDED_STAYS:
                self._forget(session)
        async with self._store.write() as work:
            for session in await work.sessions.expired(now):
                if await work.sessions.end(session.session_id, at=session.expires_at, reason=_EXPIRED):
                    await self._record_expiry(session)
            await work.sessions.forget(now - _KEPT_AFTER_END)

    def __len__(self) -> int:
        return len(self._held)

    def _session_of(self, principal: Principal) -> Session:
        session = self._held.get(principal.session_id or "")
        if session is None or session.ended_at is not None:
            raise NotAuthenticatedError("Valid session token required")
        return session

    def _make_room(self, newest: Session) -> list[Session]:
        """End, in memory, as many sessions of the key as there are too many, and return them."""
        excess = self._limits.excess(newest.key_id)
        if not excess:
            return []
        others = [self._held[each] for each in self._limits.of(newest.key_id) if each != newest.session_id]
        crowded_out = sorted(others, key=lambda each: each.last_seen_at)[:excess]
        now = self._clock.now()
        ended = [replace(each, ended_at=now, end_reason=_CROWDED_OUT) for each in crowded_out]
        for each in ended:
            self._remember(each)
        return ended

    async def _end(self, over: Sequence[Session], principal: Principal, origin: Origin) -> None:
        """Store and record the end of sessions that are over in memory already."""
        if over:
            # Whoever hangs up meanwhile must not leave them open in the store, from where they would come back.
            await asyncio.shield(self._store_ends(over, principal, origin))

    async def _store_ends(self, over: Sequence[Session], principal: Principal, origin: Origin) -> None:
        for ended in over:
            at, reason = ended.ended_at or self._clock.now(), ended.end_reason or _DISCONNECTED
            async with self._store.write() as work:
                await work.sessions.end(ended.session_id, at=at, reason=reason)
            await self._recorder.event(
                AuditAction.SESSION_CLOSE,
                Outcome.SUCCEEDED,
                actor=user_actor(principal),
                resource=session_resource(ended),
                origin=origin,
                session_id=ended.session_id,
                details={"reason": reason},
            )

    def _remember(self, session: Session) -> None:
        self._held[session.session_id] = session
        self._known[session.token_digest] = session.session_id
        if session.ended_at is None:
            self._limits.join(session.key_id, session.session_id)
        else:
            self._limits.leave(session.key_id, session.session_id)

    def _forget(self, session: Session) -> None:
        self._limits.leave(session.key_id, session.session_id)
        self._held.pop(session.session_id, None)
        self._known.pop(session.token_digest, None)

    async def _record_open(self, session: Session, principal: Principal, origin: Origin) -> None:
        """Record a session that is stored; nobody gets the token of one that is not recorded."""
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
        """Record a token that was never ours; of an address that sends one after the other, not every one."""
        if self._throttle.wait_seconds(origin.address) == 0:
            self._throttle.failed(origin.address)
            await self._recorder.event(
                AuditAction.SESSION_REFUSE,
                Outcome.DENIED,
                actor=Actor(kind=ActorKind.UNKNOWN),
                resource=Resource(kind="session", id=None, name=None),
                origin=origin,
                reason="invalid_credentials",
            )

    async def _recall(self, token: str, digest: bytes, origin: Origin) -> Session:
        """Load a session that another process opened, or this one before a restart.

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
        if session.session_id in self._held:
            return self._held[session.session_id]
        if session.is_open(self._clock.now()):
            self._remember(session)
        return session
