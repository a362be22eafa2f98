"""Groups and who is in them."""

import uuid

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.names import check_name, check_text
from ambassador_server.domain.principal import Group, GroupStatus, Membership
from ambassador_server.errors import NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.users import find_user


class Groups:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    async def create(self, requester: Requester, *, name: str, description: str) -> Group:
        """Create an active group without members."""
        now = self._clock.now()
        group = Group(
            group_id=str(uuid.uuid4()),
            name=check_name("group", name),
            description=check_text("description", description),
            status=GroupStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        async with self._changes.open(requester) as change:
            await change.work.groups.add(group)
            change.record(AuditAction.GROUP_CREATE, group_resource(group), description=description)
        return group

    async def add_member(self, requester: Requester, group_name: str, user_name: str) -> Group:
        """Put a user into a group; one who is in it already stays in it."""
        async with self._changes.open(requester) as change:
            group, membership = await _pair(change.work, group_name, user_name)
            if membership not in await change.work.memberships.all():
                await change.work.memberships.add(membership)
                change.record(AuditAction.MEMBER_ADD, group_resource(group), user=user_name)
        return group

    async def remove_member(self, requester: Requester, group_name: str, user_name: str) -> Group:
        """Take a user out of a group. Raises NotFoundError for one who is not in it."""
        async with self._changes.open(requester) as change:
            group, membership = await _pair(change.work, group_name, user_name)
            await change.work.memberships.remove(membership)
            change.record(AuditAction.MEMBER_REMOVE, group_resource(group), user=user_name)
        return group

    async def get(self, name: str) -> Group:
        """Return one group."""
        async with self._store.read() as work:
            return await find_group(work, name)

    async def all(self) -> list[Group]:
        """Return every group by name."""
        async with self._store.read() as work:
            return await work.groups.all()


def group_resource(group: Group) -> Resource:
    """Name a group for the audit."""
    return Resource(kind="group", id=group.group_id, name=group.name)


async def find_group(work: UnitOfWork, name: str) -> Group:
    """Return the group of this name, or raise NotFoundError."""
    group = await work.groups.by_name(name)
    if group is None:
        raise NotFoundError(f"No group {name!r}")
    return group


async def _pair(work: UnitOfWork, group_name: str, user_name: str) -> tuple[Group, Membership]:
    group, user = await find_group(work, group_name), await find_user(work, user_name)
    return group, Membership(user_id=user.user_id, group_id=group.group_id)
