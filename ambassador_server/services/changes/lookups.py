"""Finds an object by its name or id, or raises NotFoundError, which names similar objects."""

import asyncio
from typing import Any

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidKeyError, NotFoundError
from ambassador_server.ports.repositories import NamedRepository
from ambassador_server.ports.store import UnitOfWork


async def find_user(work: UnitOfWork, name: str) -> User:
    """Return the user of this name, or raise NotFoundError."""
    user = await work.users.by_name(name)
    if user is None:
        raise await unknown_name(work.users, "user", name)
    return user


async def find_group(work: UnitOfWork, name: str) -> Group:
    """Return the group of this name, or raise NotFoundError."""
    group = await work.groups.by_name(name)
    if group is None:
        raise await unknown_name(work.groups, "group", name)
    return group


async def find_user_by_id(work: UnitOfWork, user_id: str) -> User:
    """Return the user with this id, or raise NotFoundError."""
    user = await work.users.get(user_id)
    if user is None:
        raise NotFoundError(f"No user {user_id!r}")
    return user


async def refuse_inactive(work: UnitOfWork, user_id: str) -> None:
    """Raise InvalidKeyError for a user who was stopped, perhaps only now, so that a late request leaves nothing."""
    user = await work.users.get(user_id)
    if user is None or user.status is not UserStatus.ACTIVE:
        raise InvalidKeyError("Invalid or inactive key")


async def find_group_by_id(work: UnitOfWork, group_id: str) -> Group:
    """Return the group with this id, or raise NotFoundError."""
    group = await work.groups.get(group_id)
    if group is None:
        raise NotFoundError(f"No group {group_id!r}")
    return group


async def find_key(work: UnitOfWork, key_id: str) -> ClientKey:
    """Return the key with this id, or raise NotFoundError."""
    key = await work.keys.get(key_id)
    if key is None:
        raise NotFoundError(f"No key {key_id!r}")
    return key


async def find_owner(work: UnitOfWork, key: ClientKey) -> User:
    """Return the user of a key, or raise NotFoundError."""
    user = await work.users.get(key.user_id)
    if user is None:
        raise NotFoundError(f"No user of key {key.key_id!r}")
    return user


async def find_mcp(work: UnitOfWork, name: str) -> Mcp:
    """Return the entry of this name, or raise NotFoundError."""
    mcp = await work.mcps.by_name(name)
    if mcp is None:
        raise await unknown_name(work.mcps, "MCP", name)
    return mcp


async def find_limit(work: UnitOfWork, name: str) -> Limit:
    """Return the limit of this name, or raise NotFoundError."""
    limit = await work.limits.by_name(name)
    if limit is None:
        raise await unknown_name(work.limits, "limit", name)
    return limit


async def find_issuer(work: UnitOfWork, name: str) -> Issuer:
    """Return the issuer of this name, or raise NotFoundError."""
    issuer = await work.issuers.by_name(name)
    if issuer is None:
        raise await unknown_name(work.issuers, "issuer", name)
    return issuer


async def unknown_name(repository: NamedRepository[Any], kind: str, name: str) -> NotFoundError:
    """Return the error about a name that no object has, with similar names."""
    similar = await asyncio.to_thread(near, name, await repository.names())
    return NotFoundError(f"No {kind} {name!r}{similar}")
