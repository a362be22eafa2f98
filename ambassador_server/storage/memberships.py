"""The repository of memberships."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, delete, func, insert, select

from ambassador_server.domain.people.groups import Membership
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.storage.dialects import Lock, Violation
from ambassador_server.storage.tables import groups, memberships, users
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_item, check_key, portions_of_keys


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

    async def add_all(self, group_id: str, user_ids: Collection[str]) -> None:
        """Put users into a group, in one statement."""
        if not user_ids:
            return
        rows = [{"user_id": each, "group_id": group_id, "owner": None} for each in sorted(user_ids)]
        for each in (group_id, *user_ids):
            check_key(each, "The id")
        await self._transaction.queue(Lock.POLICY)
        try:
            await self._transaction.change_many(insert(memberships), rows, refusable=True)
        except RefusedError:
            raise ConflictError(
                "A user is in this group already, or the group or a user does not exist."
            ) from None
        await self._changed(user_ids)

    async def remove_all(self, group_id: str, user_ids: Collection[str]) -> None:
        """Take users out of a group, in few statements; those who are not in it are left alone."""
        check_key(group_id, "The id")
        await self._transaction.queue(Lock.POLICY)
        for portion in portions_of_keys(user_ids):
            leaving = memberships.c.group_id == group_id, memberships.c.user_id.in_(portion)
            if await self._transaction.change(delete(memberships).where(*leaving)):
                await self._changed(portion)

    async def names(self, group_id: str, among: Collection[str] | None = None) -> dict[str, str]:
        """Return the names of the users in a group by their ids; with `among`, of these users only."""
        check_key(group_id, "The id")
        await self._transaction.queue(Lock.POLICY)
        inside = (
            select(users.c.user_id, users.c.name)
            .join(memberships, memberships.c.user_id == users.c.user_id)
            .where(memberships.c.group_id == group_id)
        )
        if among is None:
            return dict(await self._transaction.objects(inside, _pair))
        found: dict[str, str] = {}
        for portion in portions_of_keys(among):
            rows = await self._transaction.rows(inside.where(memberships.c.user_id.in_(portion)))
            found.update(map(_pair, rows))
        return found

    async def sizes(self, group_ids: Collection[str]) -> dict[str, int]:
        """Return how many users are in each of these groups that is not empty."""
        found: dict[str, int] = {}
        group = memberships.c.group_id
        for portion in portions_of_keys(group_ids):
            counted = select(group, func.count()).where(group.in_(portion)).group_by(group)
            found.update((row[0], row[1]) for row in await self._transaction.rows(counted))
        return found

    async def members_of(self, group_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the ids of the users in each of these groups that is not empty, ordered."""
        found: dict[str, list[str]] = {}
        group, user = memberships.c.group_id, memberships.c.user_id
        for portion in portions_of_keys(group_ids):
            statement = select(group, user).where(group.in_(portion)).order_by(group, user)
            for group_id, user_id in await self._transaction.objects(statement, _pair):
                found.setdefault(group_id, []).append(user_id)
        return found

    async def described_groups_of(
        self, user_ids: Collection[str], provisioner: str
    ) -> dict[str, list[tuple[str, str]]]:
        """Return the ids and names of the groups of each of these users that an issuer describes, ordered by id."""
        check_key(provisioner, "The provisioner")
        found: dict[str, list[tuple[str, str]]] = {}
        for portion in portions_of_keys(user_ids):
            statement = (
                select(memberships.c.user_id, groups.c.group_id, groups.c.name)
                .join(groups, groups.c.group_id == memberships.c.group_id)
                .where(memberships.c.user_id.in_(portion), groups.c.provisioner == provisioner)
                .order_by(memberships.c.user_id, groups.c.group_id)
            )
            for user_id, group_id, name in await self._transaction.rows(statement):
                found.setdefault(user_id, []).append((group_id, name))
        return found

    async def _changed(self, user_ids: Collection[str]) -> None:
        for user_id in user_ids:
            await self._transaction.policy_changed(memberships.name, user_id)

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


def _pair(row: Sequence[Any]) -> tuple[str, str]:
    return row[0], row[1]


def _from_row(row: Sequence[Any]) -> Membership:
    user_id, group_id, owner = row
    return Membership(user_id=user_id, group_id=group_id, owner=owner)
