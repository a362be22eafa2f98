"""Exchanges the one-time code of an enrolment for a client key."""

from dataclasses import dataclass, replace
from datetime import timedelta

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.audit.resources import key_resource
from ambassador_server.domain.people.client_keys import ClientKey, check_number_of_keys
from ambassador_server.domain.people.enrolments import Enrolment, digest_code
from ambassador_server.domain.people.new_keys import mint_client_key
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.errors import Advice, InvalidCodeError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.login_throttle import CodeThrottle


@dataclass(frozen=True, slots=True)
class RedeemedKey:
    """The key that a code was exchanged for; `secret` is not stored."""

    user: User
    key: ClientKey
    secret: str


class CodeRedemption:
    """Exchanges each code once."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        prover: KeyProver,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._changes = changes
        self._prover = prover
        self._recorder = recorder
        self._login_throttle = CodeThrottle(throttle)
        self._clock = clock
        self._pepper = pepper

    @within_deadline
    async def redeem(self, code: str, origin: Origin) -> RedeemedKey:
        """Exchange a code for a key.

        Raises InvalidCodeError, RateLimitedError after too many wrong codes from an address, and StoppedError while a
        kill switch stops the user; the code can then be exchanged later.
        """
        self._login_throttle.check(origin)
        found = await self._find(code)
        if found is None:
            raise await self._refusal(origin)
        enrolment, user = found
        key, secret = mint_client_key(
            self._pepper,
            self._clock.now(),
            user_id=user.user_id,
            name=enrolment.key_name,
            lifetime=None if enrolment.key_seconds is None else timedelta(seconds=enrolment.key_seconds),
        )
        principal = Principal(
            user_id=user.user_id,
            user_name=user.name,
            key_id=key.key_id,
            key_name=key.name,
            session_id=None,
        )
        await self._prover.refuse_stopped(principal, origin)
        requester = Requester(None, origin, user_actor(principal))
        async with self._changes.open(requester) as change:
            # Checked again, because another request with the same code may have been faster.
            if await self._usable(change.work, await change.work.enrolments.get(enrolment.enrolment_id)):
                check_number_of_keys(await change.work.keys.of(user_id=user.user_id), key.created_at)
                await change.work.enrolments.replace(replace(enrolment, redeemed_at=key.created_at))
                await change.work.keys.add(key)
                change.record(
                    AuditAction.KEY_REDEEM,
                    key_resource(key),
                    enrolment=enrolment.enrolment_id,
                    prefix=key.prefix,
                    expires_at=None if key.expires_at is None else key.expires_at.isoformat(),
                )
                return RedeemedKey(user, key, secret)
        raise await self._refusal(origin)

    async def _find(self, code: str) -> tuple[Enrolment, User] | None:
        digest = digest_code(code, self._pepper)
        if digest is None:
            return None
        async with self._store.read() as work:
            enrolment = await work.enrolments.by_digest(digest)
            user = await self._usable(work, enrolment)
        return None if enrolment is None or user is None else (enrolment, user)

    async def _usable(self, work: UnitOfWork, enrolment: Enrolment | None) -> User | None:
        """Return the user of this enrolment if it can be redeemed now."""
        if enrolment is None or not enrolment.is_open(self._clock.now()):
            return None
        user = await work.users.get(enrolment.user_id)
        return user if user is not None and user.status is UserStatus.ACTIVE else None

    async def _refusal(self, origin: Origin) -> InvalidCodeError:
        """Count and record a wrong code, and return the error to raise."""
        self._login_throttle.failed(origin)
        await self._recorder.event(
            AuditAction.KEY_REDEEM,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=Resource(kind="enrolment", id=None, name=None),
            origin=origin,
            reason="invalid_code",
        )
        return InvalidCodeError(
            "The code is not valid: it may be mistyped, used already, or too old",
            advice=Advice.CHECK_CODE,
        )
