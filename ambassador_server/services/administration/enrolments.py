"""Enrolments: one-time codes that administrators hand out, each for one client key of one user."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.domain.people.enrolments import Enrolment, digest_code
from ambassador_server.domain.people.role_rules import check_may_act_for
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.secrets.tokens import mint_code
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_name
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_user

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
_STORED_AFTER_EXPIRY = timedelta(days=1)


class Enrolments:
    """The use cases of administrators for enrolments."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock, pepper: bytes) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._pepper = pepper

    async def issue(
        self,
        requester: Requester,
        *,
        user: str,
        name: str,
        lifetime: timedelta,
        key_lifetime: timedelta | None,
    ) -> tuple[Enrolment, str]:
        """Create an enrolment and return it with its code, which is not stored.

        Raises ConflictError if the user is not active, InvalidInputError for a lifetime out of bounds.
        """
        if not SHORTEST <= lifetime <= LONGEST:
            raise InvalidInputError("expires_in_seconds: a code lasts from one minute to one day")
        code, now = mint_code(), self._clock.now()
        async with self._changes.open(requester) as change:
            owner = await find_user(change.work, user)
            check_may_act_for(requester.administrator, owner)
            if owner.status is not UserStatus.ACTIVE:
                raise ConflictError(f"User {owner.name!r} is {owner.status}; no code of theirs would work")
            enrolment = Enrolment(
                enrolment_id=str(uuid.uuid4()),
                user_id=owner.user_id,
                key_name=check_name("key", name),
                key_seconds=None if key_lifetime is None else int(key_lifetime.total_seconds()),
                digest=digest_code(code, self._pepper) or b"",
                created_at=now,
                created_by=requester.actor.name or "",
                expires_at=now + lifetime,
            )
            await change.work.enrolments.add(enrolment)
            change.record(
                AuditAction.KEY_ENROL,
                enrolment_resource(enrolment),
                user=owner.name,
                expires_at=enrolment.expires_at.isoformat(),
                key_seconds=enrolment.key_seconds,
            )
        return enrolment, code

    async def page(self, listing: Listing) -> Slice[Enrolment]:
        """Return one page of the codes that can still be exchanged."""
        async with self._store.read() as work:
            return await work.enrolments.page(replace(listing, open_at=self._clock.now()))

    async def cancel(self, requester: Requester, enrolment_id: str) -> None:
        """Cancel an enrolment. Raises ConflictError if its code was used or has expired."""
        async with self._changes.open(requester) as change:
            enrolment = await change.work.enrolments.get(enrolment_id)
            if enrolment is None:
                raise NotFoundError(f"No enrolment {enrolment_id!r}")
            if not enrolment.is_open(self._clock.now()):
                how = "too old" if enrolment.redeemed_at is None else "used"
                raise ConflictError(f"The code of this enrolment is {how} already")
            user = await change.work.users.get(enrolment.user_id)
            if user is not None:
                check_may_act_for(requester.administrator, user)
            await change.work.enrolments.remove(enrolment_id)
            change.record(
                AuditAction.ENROLMENT_CANCEL,
                enrolment_resource(enrolment),
                user=None if user is None else user.name,
            )

    async def forget_expired(self) -> None:
        """Delete the enrolments that expired more than a day ago; the audit keeps their records."""
        async with self._store.write() as work:
            await work.enrolments.forget(self._clock.now() - _STORED_AFTER_EXPIRY)


def enrolment_resource(enrolment: Enrolment) -> Resource:
    """Return the resource of the events about an enrolment."""
    return Resource(kind="enrolment", id=enrolment.enrolment_id, name=enrolment.key_name)


async def cancel_codes(change: Change, user: User, now: datetime) -> None:
    """Cancel every open code of a user.

    A user who is given the first role gets no key from a code of an administrator who may not issue one any more.
    """
    for enrolment in await change.work.enrolments.of(user_id=user.user_id):
        if enrolment.is_open(now):
            await change.work.enrolments.remove(enrolment.enrolment_id)
            change.record(AuditAction.ENROLMENT_CANCEL, enrolment_resource(enrolment), user=user.name)
