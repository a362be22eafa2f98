"""The repository of memberships."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, delete, insert, select

from ambassador_server.domain.people.groups import Membership
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.storage.dialects import Lock, Violation
from ambassador_server.storage.tables import groups, memberships, users
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_item, check_key


class MembershipRepository:
    """Memberships: pairs of a user and a group."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, membership: Membership) -> None:
        """Put a user into a group."""
        check_item(membership)
        await self._transaction.queue(Lock.POLICY)
        row = {"user_id": membership.user_id, "group_id": membership.group_id, "owner": membership.owner}
        try:
            await self._transaction.change(insert(memberships), row)
        except RefusedError as refused:
            raise await self._conflict(membership, refused.violation) from None
        await self._transaction.policy_changed(memberships.name, membership.user_id)

    async def remove(self, membership: Membership) -> None:
        """Take a user out of a group."""
        check_item(membership)
        await self._transaction.queue(Lock.POLICY)
        statement = delete(memberships).where(
            memberships.c.user_id == membership.user_id, memberships.c.group_id == membership.group_id
        )
        if await self._transaction.change(statement) == 0:
            user, group = await self._names(membership)
            raise NotFoundError(f"user {user!r} is not in group {group!r}.")
        await self._transaction.policy_changed(memberships.name, membership.user_id)

    async def get(self, user_id: str, group_id: str) -> Membership | None:
        """Return the membership, if the user is in the group."""
        check_key(user_id, "The id")
        check_key(group_id, "The id")
        found = await self._select(memberships.c.user_id == user_id, memberships.c.group_id == group_id)
        return found[0] if found else None

    async def all(self) -> list[Membership]:
        """Return every membership, ordered by user and group id."""
        return await self._select()

    async def of(self, *, user_id: str | None = None, group_id: str | None = None) -> list[Membership]:
        """Return the memberships of a user or of a group, ordered by user and group id."""
        conditions = []
        if user_id is not None:
            check_key(user_id, "The id")
            conditions.append(memberships.c.user_id == user_id)
        if group_id is not None:
            check_key(group_id, "The id")
            conditions.append(memberships.c.group_id == group_id)
        return await self._select(*conditions)

    async def groups_by_user(self) -> dict[str, tuple[str, ...]]:
        """Return the ids of the groups of each user that is in one."""
        columns = memberships.c.user_id, memberships.c.group_id
        found: dict[str, tuple[str, ...]] = {}

        def take(portion: Sequence[Row[*tuple[Any, ...]]]) -> None:
            for user_id, group_id in portion:
                found[user_id] = (*found.get(user_id, ()), group_id)

        await self._transaction.visit(select(*columns).order_by(*columns), take)
        return found

    async def _select(self, *conditions: ColumnElement[bool]) -> list[Membership]:
        await self._transaction.queue(Lock.POLICY)
        order = (memberships.c.user_id, memberships.c.group_id)
        statement = select(memberships).where(*conditions).order_by(*order)
        return await self._transaction.objects(statement, _from_row)

    async def _conflict(self, membership: Membership, violation: Violation) -> ConflictError:
        user, group = await self._names(membership)
        if violation is Violation.TAKEN:
            return ConflictError(f"user {user!r} is in group {group!r} already.")
        return ConflictError(f"user {user!r} cannot be in group {group!r}: one of them does not exist.")

    async def _names(self, membership: Membership) -> tuple[str, str]:
        user = await self._name(users.c.name, users.c.user_id, membership.user_id)
        group = await self._name(groups.c.name, groups.c.group_id, membership.group_id)
        return user, group

    async def _name(self, name: Column[str], key: Column[str], item_id: str) -> str:
        rows = await self._transaction.rows(select(name).where(key == item_id))
        return str(rows[0][0]) if rows else item_id


def _from_row(row: Sequence[Any]) -> Membership:
    user_id, group_id, owner = row
    return Membership(user_id=user_id, group_id=group_id, owner=owner)
