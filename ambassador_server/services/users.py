"""The life of users."""

import uuid
from dataclasses import replace

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.names import check_name, check_text
from ambassador_server.domain.principal import User, UserStatus
from ambassador_server.errors import NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes import Changes, Requester


class Users:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    async def create(
        self, requester: Requester, *, name: str, display_name: str | None, email: str | None
    ) -> User:
        """Create an active user."""
        now = self._clock.now()
        user = User(
            user_id=str(uuid.uuid4()),
            name=check_name("user", name),
            display_name=check_text("display name", display_name or name),
            email=None if email is None else check_text("email", email),
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        async with self._changes.open(requester) as change:
            await change.work.users.add(user)
            change.record(AuditAction.USER_CREATE, user_resource(user), display_name=user.display_name)
        return user

    async def set_status(self, requester: Requester, name: str, status: UserStatus) -> User:
        """Activate, suspend or deactivate; it holds from the very next call on."""
        async with self._changes.open(requester) as change:
            before = await find_user(change.work, name)
            user = replace(before, status=status, updated_at=self._clock.now())
            await change.work.users.replace(user)
            change.record(
                AuditAction.USER_UPDATE,
                user_resource(user),
                before={"status": before.status},
                after={"status": status},
            )
        return user

    async def get(self, name: str) -> User:
        """Return one user."""
        async with self._store.read() as work:
            return await find_user(work, name)

    async def all(self) -> list[User]:
        """Return every user by name."""
        async with self._store.read() as work:
            return await work.users.all()


def user_resource(user: User) -> Resource:
    """Name a user for the audit."""
    return Resource(kind="user", id=user.user_id, name=user.name)


async def find_user(work: UnitOfWork, name: str) -> User:
    """Return the user of this name, or raise NotFoundError."""
    user = await work.users.by_name(name)
    if user is None:
        raise NotFoundError(f"No user {name!r}")
    return user
