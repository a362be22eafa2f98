"""What issuers describe by SCIM, in every store, and the members of groups many at a time."""

import pytest

from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.scim_resources import ScimKind
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.store import Store, UnitOfWork
from tests.conformance.store_samples import group, issuer, scim_resource, user

MANY = 1_203
"""More than fit into two statements."""


async def _people(work: UnitOfWork, count: int = 3) -> list[str]:
    await work.issuers.add(issuer(1))
    await work.issuers.add(issuer(2))
    for number in range(1, count + 1):
        await work.users.add(user(number))
    for number in (1, 2):
        await work.groups.add(group(number, provisioner="i1"))
    await work.groups.add(group(3))
    return [f"u{number}" for number in range(1, count + 1)]


async def test_a_resource_is_stored_whole_and_changes_no_policy(store: Store) -> None:
    described = scim_resource(
        document={"name": {"givenName": "Ä\u2028"}, "emails": [{"value": "a@b.example"}]}
    )
    async with store.write() as work:
        await _people(work)
    async with store.write() as work:
        before = await work.policy_version()
        await work.scim.add(described)
        await work.scim.add(scim_resource(2, external_id=None, active=False, document={}))
    async with store.write() as work:
        assert await work.scim.get("u1") == described
        assert await work.scim.of(issuer_id="i1", kind=ScimKind.USER, external_id="x1") == [described]
        await work.scim.replace(scim_resource(external_id=None))
        assert await work.scim.of(issuer_id="i1", external_id="x1") == []
        await work.scim.remove("u2")
        with pytest.raises(NotFoundError):
            await work.scim.remove("u2")
        assert await work.policy_version() == before


async def test_a_name_is_taken_once_for_each_issuer_and_kind(store: Store) -> None:
    async with store.write() as work:
        await _people(work)
        await work.scim.add(scim_resource(1))
        with pytest.raises(ConflictError):
            await work.scim.add(scim_resource(2, name_key="user-1"))
        with pytest.raises(ConflictError):
            await work.scim.add(scim_resource(2, issuer_id="unknown"))
        await work.scim.add(scim_resource(2, name_key="user-1", issuer_id="i2"))
        await work.scim.add(scim_resource(3, name_key="user-1", kind=ScimKind.GROUP))
        assert await work.scim.count("i1", ScimKind.USER) == 1
        await work.issuers.remove("i1")
        assert [each.resource_id for each in await work.scim.all()] == ["u2"]


async def test_a_window_is_ordered_by_name(store: Store) -> None:
    names = ["b", "Z", "a", "é", "~", "c"]
    async with store.write() as work:
        await _people(work)
        for number, name in enumerate(names):
            await work.scim.add(scim_resource(number, name_key=name))
        await work.scim.add(scim_resource(99, name_key="other", issuer_id="i2"))
    async with store.read() as work:
        found = [
            each.name_key
            for start in (0, 2, 4, 6)
            for each in await work.scim.window("i1", ScimKind.USER, start=start, limit=2)
        ]
        assert found == sorted(names)


async def test_members_come_and_go_many_at_a_time(store: Store) -> None:
    async with store.write() as work:
        ids = await _people(work, MANY)
        await work.memberships.add(Membership(user_id="u2", group_id="g3", owner="file"))
    async with store.write() as work:
        before = await work.policy_version()
        await work.memberships.add_all("g1", ids)
        await work.memberships.add_all("g2", ["u1"])
        await work.memberships.add_all("g2", [])
    async with store.read() as work:
        names = await work.memberships.names("g1")
        assert names == {user_id: f"user-{user_id[1:]}" for user_id in ids}
        assert await work.memberships.names("g1", ["u7", "unknown"]) == {"u7": "user-7"}
        assert await work.memberships.names("g1", []) == {}
        assert await work.memberships.sizes(["g1", "g2", "g3", "unknown"]) == {"g1": MANY, "g2": 1, "g3": 1}
        assert await work.memberships.members_of(["g1", "g2", "unknown"]) == {"g1": sorted(ids), "g2": ["u1"]}
        assert await work.memberships.described_groups_of(["u1", "u2", "unknown"], "i1") == {
            "u1": [("g1", "group-1"), ("g2", "group-2")],
            "u2": [("g1", "group-1")],
        }
        assert await work.policy_version() == before + 1
        changes = await work.changes_since(before)
        assert changes is not None
        assert changes.memberships.keys() == {*ids}
    async with store.write() as work:
        await work.memberships.remove_all("g1", [*ids[1:], "unknown"])
        assert await work.memberships.names("g1") == {"u1": "user-1"}
        assert await work.memberships.names("g3") == {"u2": "user-2"}


@pytest.mark.parametrize("group_id", ["g1", "unknown"])
async def test_none_is_added_if_one_cannot_be(store: Store, group_id: str) -> None:
    async with store.write() as work:
        await _people(work)
        await work.memberships.add_all("g1", ["u2"])
        for refused in (["u1", "u2"], ["u1", "unknown"]):
            with pytest.raises(ConflictError):
                await work.memberships.add_all(group_id, refused)
        assert await work.memberships.names("g1") == {"u2": "user-2"}
    async with store.read() as work:
        assert await work.memberships.names("g1") == {"u2": "user-2"}


async def test_only_names_of_described_users_are_found(store: Store) -> None:
    async with store.write() as work:
        await _people(work, MANY)
        for number in range(1, MANY):
            await work.scim.add(scim_resource(number))
        await work.scim.remove("u2")
        ids = [f"u{number}" for number in range(1, MANY + 1)]
        found = await work.scim.user_names("i1", [*ids, "unknown", "g1"])
        assert found == {user_id: f"user-{user_id[1:]}" for user_id in ids[:-1] if user_id != "u2"}
        assert await work.scim.user_names("i2", ids) == {}


async def test_ids_that_some_database_refuses_are_refused_by_all(store: Store) -> None:
    async with store.write() as work:
        await _people(work)
        for bad in ("a\0", "\ud800", "x" * 600):
            for reading in (
                work.memberships.names("g1", [bad]),
                work.memberships.add_all("g1", [bad]),
                work.memberships.remove_all("g1", [bad]),
                work.scim.user_names("i1", [bad]),
            ):
                with pytest.raises(InvalidInputError):
                    await reading
