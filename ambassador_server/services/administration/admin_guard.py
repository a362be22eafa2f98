"""Ends the logins of a changed user, and makes sure that one administrator is left."""

from dataclasses import replace
from datetime import datetime

from ambassador_server.domain.people.administrators import AdminKey, Role
from ambassador_server.domain.people.role_rules import is_admin
from ambassador_server.domain.people.users import User
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.store import UnitOfWork


async def end_logins(work: UnitOfWork, user: User, now: datetime, *, keep: str | None = None) -> None:
    """End every login of a user except the one with the id `keep`."""
    for key in await work.admin_keys.of(user_id=user.user_id):
        if key.revoked_at is None and key.admin_key_id != keep:
            await work.admin_keys.replace(replace(key, revoked_at=now))


async def check_an_admin_is_left(work: UnitOfWork, now: datetime) -> None:
    """Raise ConflictError if nobody could administer any more; called after the change, in its transaction."""
    if not await has_an_admin(work, now):
        raise ConflictError(
            "Nobody could administer this server any more.",
            advice=Advice.APPOINT_ADMINISTRATOR,
        )


async def has_an_admin(work: UnitOfWork, now: datetime) -> bool:
    """Tell whether there is a user with a password, or an admin key, with the role `admin`."""
    if any(_is_admin_key(key, now) for key in await work.admin_keys.all()):
        return True
    for user in await work.users.all():
        if is_admin(user) and await work.passwords.get(user.user_id) is not None:
            return True
    return False


def _is_admin_key(key: AdminKey, now: datetime) -> bool:
    return not key.is_login and key.is_good(now) and Role.ADMIN in key.roles
