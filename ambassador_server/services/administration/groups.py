"""Groups and their members: creating, updating, removing and listing."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import group_resource
from ambassador_server.domain.people.groups import Group, GroupStatus, Membership
from ambassador_server.domain.people.role_rules import (
    check_may_act_for,
    check_may_lift_denials,
    check_may_lift_switches,
)
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing, Slice
from ambassador_server.domain.shared.names import check_name, check_owner, check_text
from ambassador_server.domain.shared.revision import ExpectedRevisions, check_revision
from ambassador_server.errors import ConflictError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.grant_approvals import (
    check_approves_nothing,
    check_may_appoint,
)
from ambassador_server.services.administration.names import Names
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.kill_switches import check_not_stopped, is_stopped
from ambassador_server.services.changes.limited_objects import check_not_limited
from ambassador_server.services.changes.lookups import find_group, find_user
from ambassador_server.services.changes.writing import EventTemplate, Written, write


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """Fields of a group to set; None leaves a field as it is, an empty owner removes it."""

    description: str | None = None
    status: GroupStatus | None = None
    owner: str | None = None

    def checked(self) -> dict[str, Any]:
        """Return the fields that are set, or raise InvalidInputError."""
        fields: dict[str, Any] = {}
        if self.description is not None:
            fields["description"] = check_text("description", self.description)
        if self.status is not None:
            fields["status"] = self.status
        if self.owner is not None:
            fields["owner"] = check_owner(self.owner)
        return fields


@dataclass(frozen=True, slots=True)
class NamedMembership:
    """The names of a user and of a group that the user is in."""

    group: str
    user: str
    owner: str | None


_MEMBERSHIPS: InMemoryList[NamedMembership] = InMemoryList(
    noun="membership",
    fields={
        "group": Field(lambda each: each.group),
        "user": Field(lambda each: each.user),
        "owner": Field(lambda each: each.owner),
    },
    order=Field(lambda each: f"{each.group} {each.user}"),
    item_id=lambda each: f"{each.group} {each.user}",
)


class Groups:
    """The use cases of administrators for groups."""

    def __init__(self, *, store: Store, changes: Changes, names: Names, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._names = names
        self._clock = clock

    async def create(self, requester: Requester, name: str, spec: GroupSpec) -> Group:
        """Create a group without members."""
        async with self._changes.open(requester) as change:
            return (await self._write(requester, change, None, self._new(name), spec)).item

    async def put(
        self, requester: Requester, name: str, spec: GroupSpec, *, expected: ExpectedRevisions = None
    ) -> Written[Group]:
        """Create the group, or change what `spec` sets. Raises ChangedMeanwhileError unless it is as expected."""
        async with self._changes.open(requester) as change:
            before = await change.work.groups.by_name(name)
            check_revision(before, expected)
            return await self._write(requester, change, before, before or self._new(name), spec)

    async def update(
        self, requester: Requester, name: str, spec: GroupSpec, *, expected: ExpectedRevisions = None
    ) -> Group:
        """Change what `spec` sets. Raises NotFoundError, and ChangedMeanwhileError unless it is as expected."""
        async with self._changes.open(requester) as change:
            before = await find_group(change.work, name)
            check_revision(before, expected)
            return (await self._write(requester, change, before, before, spec)).item

    async def remove(self, requester: Requester, name: str, *, expected: ExpectedRevisions = None) -> None:
        """Delete a group, its memberships and its grants, with effect from the next call."""
        async with self._changes.open(requester) as change:
            group = await find_group(change.work, name)
            check_revision(group, expected)
            check_not_described(group)
            await _check_may_take_from_members(change.work, requester, group)
            await _check_keeps_denials(change.work, requester, group)
            await check_not_stopped(
                change.work,
                SwitchScope.GROUP,
                group.group_id,
                self._clock.now(),
                name=f"the members of group {group.name!r}",
            )
            await check_not_limited(
                change.work, LimitScope.GROUP, group.group_id, name=f"group {group.name!r}"
            )
            await check_approves_nothing(change.work, group.group_id, name=group.name)
            await change.work.groups.remove(group.group_id)
            change.record(AuditAction.GROUP_REMOVE, group_resource(group), before=_details(group))

    async def add_member(
        self,
        requester: Requester,
        group_name: str,
        user_name: str,
        *,
        owner: str | None = None,
        claim: bool = False,
    ) -> Group:
        """Add a user to a group; does nothing if the user is in it already.

        An existing membership keeps its owner, unless it has none and `claim` is set.
        """
        label = None if owner is None else check_owner(owner)
        async with self._changes.open(requester) as change:
            group, user = await find_group(change.work, group_name), await find_user(change.work, user_name)
            membership = Membership(user_id=user.user_id, group_id=group.group_id, owner=label)
            before = await change.work.memberships.get(user.user_id, group.group_id)
            claims = claim and before is not None and before.owner is None and label is not None
            if claims:
                await change.work.memberships.remove(membership)
            if claims or before is None:
                check_not_described(group)
                check_may_act_for(requester.administrator, user)
                await check_may_appoint(change.work, requester, group)
                await change.work.memberships.add(membership)
                change.record(AuditAction.MEMBER_ADD, group_resource(group), user=user_name, owner=label)
        return group

    async def remove_member(self, requester: Requester, group_name: str, user_name: str) -> Group:
        """Remove a user from a group. Raises NotFoundError if the user is not in it."""
        async with self._changes.open(requester) as change:
            group, user = await find_group(change.work, group_name), await find_user(change.work, user_name)
            check_not_described(group)
            check_may_act_for(requester.administrator, user)
            await _check_keeps_denials(change.work, requester, group)
            if await is_stopped(change.work, SwitchScope.GROUP, group.group_id, self._clock.now()):
                check_may_lift_switches(requester.administrator, group.name)
            await change.work.memberships.remove(Membership(user_id=user.user_id, group_id=group.group_id))
            change.record(AuditAction.MEMBER_REMOVE, group_resource(group), user=user_name)
        return group

    async def get(self, name: str) -> Group:
        """Return one group."""
        async with self._store.read() as work:
            return await find_group(work, name)

    async def page(self, listing: Listing) -> Slice[Group]:
        """Return one page of the groups."""
        async with self._store.read() as work:
            return await work.groups.page(listing)

    async def memberships(self, listing: Listing) -> Slice[NamedMembership]:
        """Return one page of who is in which group; one that is newer than the policy is in the next answer."""
        async with self._store.read() as work:
            found = await work.memberships.all()
        named = [
            NamedMembership(group, user, each.owner)
            for each in found
            if (group := self._names.group(each.group_id)) is not None
            and (user := self._names.user(each.user_id)) is not None
        ]
        return _MEMBERSHIPS.page(named, listing)

    def _new(self, name: str) -> Group:
        now = self._clock.now()
        return Group(
            group_id=str(uuid.uuid4()),
            name=check_name("group", name),
            description="",
            status=GroupStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )

    async def _write(
        self, requester: Requester, change: Change, before: Group | None, group: Group, spec: GroupSpec
    ) -> Written[Group]:
        after = replace(group, **spec.checked(), updated_at=self._clock.now())
        if before is not None and before.status is not after.status:
            await _check_may_take_from_members(change.work, requester, group)
        return await write(change, change.work.groups, before, after, GROUP_EVENTS)


def check_not_described(group: Group) -> None:
    """Raise ConflictError for a group whose members an issuer describes by SCIM."""
    if group.provisioner is not None:
        raise ConflictError(
            f"SCIM describes group {group.name!r} and its members; change them at the identity provider, or stop the "
            "group here with a kill switch or its status"
        )


async def _check_may_take_from_members(work: UnitOfWork, requester: Requester, group: Group) -> None:
    for membership in await work.memberships.all():
        user = await work.users.get(membership.user_id) if membership.group_id == group.group_id else None
        if user is not None:
            check_may_act_for(requester.administrator, user)


async def _check_keeps_denials(work: UnitOfWork, requester: Requester, group: Group) -> None:
    grants = await work.grants.of(group_id=group.group_id)
    if any(grant.effect is Effect.DENY for grant in grants):
        check_may_lift_denials(requester.administrator, group.name)


def _details(group: Group) -> dict[str, Any]:
    return {"description": group.description, "status": group.status, "owner": group.owner}


GROUP_EVENTS = EventTemplate(
    created=AuditAction.GROUP_CREATE,
    updated=AuditAction.GROUP_UPDATE,
    resource=group_resource,
    details=_details,
)
