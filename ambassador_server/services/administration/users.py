"""Users: creating, updating and listing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.meta_tools import CHOICES_OF_USERS, MetaTools
from ambassador_server.domain.people.role_rules import (
    can_log_in,
    can_sign_in,
    check_not_locking_out,
    check_roles,
    check_user_change,
    is_admin,
)
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_address, check_name, check_owner, check_text
from ambassador_server.domain.shared.revision import ExpectedRevisions, check_revision
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.admin_guard import check_an_admin_is_left, end_logins
from ambassador_server.services.administration.departures import end_everything_held
from ambassador_server.services.administration.enrolments import cancel_codes
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_user
from ambassador_server.services.changes.user_events import USER_EVENTS
from ambassador_server.services.changes.writing import Written, write


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpec:
    """Fields of a user to set; None leaves a field as it is, an empty email or owner removes it.

    An empty display name is replaced by the name. An empty subject ends that the user belongs to an issuer.
    """

    display_name: str | None = None
    email: str | None = None
    status: UserStatus | None = None
    roles: Sequence[Role] | None = None
    source: AuthSource | None = None
    subject: str | None = None
    owner: str | None = None
    meta_tools: MetaTools | None = None

    def checked(self, name: str) -> dict[str, Any]:
        """Return the fields that are set, for the user of this name, or raise InvalidInputError."""
        fields: dict[str, Any] = {}
        if self.display_name is not None:
            fields["display_name"] = check_text("display name", self.display_name or name)
        if self.email is not None:
            fields["email"] = check_address(self.email)
        if self.status is not None:
            fields["status"] = self.status
        if self.roles is not None:
            fields["roles"] = check_roles(self.roles)
        fields |= self._binding()
        if self.owner is not None:
            fields["owner"] = check_owner(self.owner)
        if self.meta_tools is not None:
            fields["meta_tools"] = _check_meta_tools(self.meta_tools)
        return fields

    def _binding(self) -> dict[str, Any]:
        """Return where the user comes from, and that it belongs to no issuer, as far as that is set."""
        if self.subject:
            raise InvalidInputError("subject: only a token gives a user one; an empty text removes it")
        fields: dict[str, Any] = {} if self.source is None else {"source": self.source}
        if self.source is AuthSource.LOCAL or self.subject is not None:
            # An issuer may name the user by name then, unless the user is local.
            fields |= {"issuer": None, "subject": None}
        return fields


class Users:
    """The use cases of administrators for users."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    async def create(self, requester: Requester, name: str, spec: UserSpec) -> User:
        """Create an active user."""
        async with self._changes.open(requester) as change:
            return (await self._write(requester, change, None, self._new(name), spec)).item

    async def put(
        self, requester: Requester, name: str, spec: UserSpec, *, expected: ExpectedRevisions = None
    ) -> Written[User]:
        """Create the user, or change what `spec` sets. Raises ChangedMeanwhileError unless it is as expected."""
        async with self._changes.open(requester) as change:
            before = await change.work.users.by_name(name)
            check_revision(before, expected)
            return await self._write(requester, change, before, before or self._new(name), spec)

    async def update(
        self, requester: Requester, name: str, spec: UserSpec, *, expected: ExpectedRevisions = None
    ) -> User:
        """Change what `spec` sets, with effect from the next call.

        Raises NotFoundError, ChangedMeanwhileError unless it is as expected, MissingRightError for a change by which
        the requester could gain rights, and ConflictError if nobody could administer any more.
        """
        async with self._changes.open(requester) as change:
            before = await find_user(change.work, name)
            check_revision(before, expected)
            return (await self._write(requester, change, before, before, spec)).item

    async def get(self, name: str) -> User:
        """Return one user."""
        async with self._store.read() as work:
            return await find_user(work, name)

    async def page(self, listing: Listing) -> Slice[User]:
        """Return one page of the users."""
        async with self._store.read() as work:
            return await work.users.page(listing)

    def _new(self, name: str) -> User:
        now = self._clock.now()
        return User(
            user_id=str(uuid.uuid4()),
            name=check_name("user", name),
            display_name=name,
            email=None,
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )

    async def _write(
        self, requester: Requester, change: Change, before: User | None, user: User, spec: UserSpec
    ) -> Written[User]:
        after = replace(user, **spec.checked(user.name), updated_at=self._clock.now())
        check_user_change(requester.administrator, before, after)
        if before is not None and before.provisioner is not None:
            await _check_described(change.work, before, after, spec)
            if spec.status is not None:
                after = replace(after, held=spec.status is not UserStatus.ACTIVE)
        if before is not None:
            check_not_locking_out(requester.administrator, before, after)
        written = await write(change, change.work.users, before, after, USER_EVENTS)
        if before is not None:
            await self._apply_consequences(change, before, after)
        return written

    async def _apply_consequences(self, change: Change, before: User, after: User) -> None:
        """End logins, password and codes that the user may not have now; check that an admin is left."""
        work = change.work
        if after.roles and not before.roles:
            await cancel_codes(change, after, self._clock.now())
        may_log_in = can_log_in(after) or can_sign_in(after)
        if not may_log_in or after.source is not before.source:
            await end_logins(work, after, self._clock.now())
        no_password = after.source is not AuthSource.LOCAL or not after.roles
        if no_password and await work.passwords.get(after.user_id) is not None:
            await work.passwords.remove(after.user_id)
        if after.status is UserStatus.DEACTIVATED:
            await end_everything_held(change, after, self._clock.now())
        if is_admin(before) and not is_admin(after):
            await check_an_admin_is_left(work, self._clock.now())


_DESCRIBED = ("display_name", "email", "source", "issuer", "subject")


async def _check_described(work: UnitOfWork, before: User, after: User, spec: UserSpec) -> None:
    """Raise ConflictError for a change of what an issuer describes by SCIM; stopping the user is always possible."""
    if any(getattr(before, name) != getattr(after, name) for name in _DESCRIBED):
        raise ConflictError(
            f"SCIM describes user {before.name!r}: change name and mail address at the identity provider"
        )
    if spec.status is UserStatus.ACTIVE:
        described = await work.scim.get(before.user_id)
        if described is None or not described.active:
            raise ConflictError(
                f"The identity provider has deactivated user {before.name!r}; activate the user there"
            )


def _check_meta_tools(choice: MetaTools) -> MetaTools:
    if choice not in CHOICES_OF_USERS:
        raise InvalidInputError("meta_tools: on or off; only a key can inherit it")
    return choice
