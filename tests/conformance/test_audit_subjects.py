"""Every store finds the events that are about a user: those of an earlier version and of many groups, too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, AuditRecord, Resource
from ambassador_server.domain.audit.query import Attribute, Query
from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.domain.people.groups import Membership
from ambassador_server.errors import InvalidQueryError
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.feed import AuditFeed, FeedUpdate
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.log_indexing import InServerIndexer
from tests.conformance.store_samples import NOW, client_key, group, position, record, user
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE

ALICE, BOB = "Zoë 🦊", "Zo"


def about(seq: int, action: AuditAction, kind: str, name: str | None = None, **more: Any) -> AuditRecord:
    """Return a record of an administrator's change."""
    actor = more.pop("actor", Actor(kind=ActorKind.ADMIN, name="ops"))
    resource = Resource(kind=kind, id=more.pop("id", None), name=name)
    return record(seq, action=action, actor=actor, resource=resource, details=more)


def search_in(store: Store) -> AuditSearch:
    indexer = InServerIndexer(store=store, logs=[FakeAuditLog()], clock=ManualClock())
    return AuditSearch(store=store, indexer=indexer)


async def found(store: Store, text: str) -> set[int]:
    """Return the numbers of the records that a query finds, which both orders and the counts must agree on."""
    wanted, search = parse_query(text, NOW), search_in(store)
    newest = [row.record.seq for row in await search.newest(wanted, limit=1000, before=None)]
    after, _ = await search.after(wanted, limit=1000, cursor=0)
    assert newest[::-1] == [row.record.seq for row in after]
    assert sum(count for _, count in (await search.counts(wanted, Attribute.ACTION, top=100)).values) == len(
        newest
    )
    return set(newest)


EVENTS = [
    about(1, AuditAction.USER_CREATE, "user", ALICE, roles=["operator"]),
    about(2, AuditAction.USER_UPDATE, "user", BOB),
    about(3, AuditAction.MEMBER_ADD, "group", "staff", user=ALICE),
    about(4, AuditAction.MEMBER_ADD, "group", "staff", user=BOB),
    about(5, AuditAction.MEMBER_REMOVE, "group", "staff", user=ALICE),
    about(6, AuditAction.GRANT_ADD, "grant", group="staff", mcp="git"),
    about(7, AuditAction.GRANT_ADD, "grant", group="others", mcp="git"),
    about(8, AuditAction.GRANT_REMOVE, "grant", group="group-1", mcp="git"),
    about(9, AuditAction.GROUP_UPDATE, "group", "staff"),
    about(10, AuditAction.GROUP_UPDATE, "group", "others"),
    about(11, AuditAction.KEY_ISSUE, "key", "laptop", user=ALICE, id="gone"),
    about(12, AuditAction.KEY_REVOKE, "key", "laptop", id="key-1"),
    about(13, AuditAction.KEY_REVOKE, "key", "laptop", id="key-2"),
    about(14, AuditAction.SUBSCRIPTION_SET, "subscription", key="key-1", mcp="git"),
    about(15, AuditAction.SUBSCRIPTION_SET, "subscription", key="key-2", mcp="git"),
    about(
        16, AuditAction.KEY_REDEEM, "key", "desk", actor=Actor(kind=ActorKind.USER, name=ALICE), id="key-1"
    ),
    about(17, AuditAction.MCP_CREATE, "mcp", ALICE),
    about(18, AuditAction.GRANT_ADD, "grant", mcp="staff", before={"group": "group-1"}),
    about(19, AuditAction.MEMBER_ADD, "group", "others", owner=f'"user":"{ALICE}"'),
    about(20, AuditAction.MEMBER_ADD, "group", "others", **{'x"user': ALICE}),
    about(21, AuditAction.KEY_ENROL, "enrolment", user=ALICE, big=2**80),
    about(22, AuditAction.CREDENTIAL_REVOKE, "credential", "git", user=ALICE, fields=["token"]),
    about(23, AuditAction.CREDENTIAL_REVOKE, "credential", "git", user=BOB, fields=["token"]),
]
OF_ALICE = {1, 3, 5, 6, 8, 9, 11, 12, 14, 16, 18, 21, 22}


async def fill(store: Store, records: list[AuditRecord] = EVENTS) -> None:
    async with store.write() as work:
        await work.users.add(user(1, user_id="alice", name=ALICE))
        await work.users.add(user(2, user_id="bob", name=BOB))
        await work.groups.add(group(1, group_id="g1", name="group-1"))
        await work.memberships.add(Membership(user_id="alice", group_id="g1"))
        await work.keys.add(client_key(1, key_id="key-1", user_id="alice"))
        await work.audit.insert(records, position(records[-1].seq))


async def test_events_about_a_user_are_found_and_no_others(store: Store) -> None:
    await fill(store)
    assert await found(store, f"subject='{ALICE}'") == OF_ALICE
    assert await found(store, f"subject!='{ALICE}'") == {each.seq for each in EVENTS} - OF_ALICE
    assert await found(store, f"subject='{ALICE}' action=admin:grant:add actor=ops") == {6, 18}
    assert await found(store, f"subject in ({BOB}, nobody)") == {2, 4, 6, 9, 23}
    assert await found(store, "subject=nobody") == set()
    assert await found(store, f"subject={BOB} or subject='{ALICE}'") == OF_ALICE | {2, 4, 23}


async def test_user_of_hundreds_of_groups_is_found(store: Store) -> None:
    joined = [about(seq, AuditAction.MEMBER_ADD, "group", f"many-{seq}", user=ALICE) for seq in range(1, 451)]
    granted = [about(seq + 450, AuditAction.GRANT_ADD, "grant", group=f"many-{seq}") for seq in range(1, 451)]
    await fill(store, joined + granted + [about(901, AuditAction.GRANT_ADD, "grant", group="many-451")])
    assert await found(store, f"subject='{ALICE}'") == set(range(1, 901))


async def test_listener_follows_a_group_that_the_user_gets_meanwhile(store: Store) -> None:
    search = search_in(store)
    await fill(store)

    async def next_of(feed: AsyncGenerator[FeedUpdate]) -> int:
        async with asyncio.timeout(PATIENCE):
            while True:
                for row in (await anext(feed)).records:
                    return row.record.seq

    wanted: Query = parse_query(f"subject='{ALICE}'", NOW)
    async with aclosing(AuditFeed(search, poll_seconds=0.001).follow(wanted, None)) as feed:
        await anext(feed)
        for happened in (
            about(30, AuditAction.GRANT_ADD, "grant", group="late"),
            about(31, AuditAction.MEMBER_ADD, "group", "late", user=ALICE),
            about(32, AuditAction.GRANT_ADD, "grant", group="late"),
        ):
            async with store.write() as work:
                await work.audit.insert([happened], position(happened.seq))
            if happened.seq > 30:
                assert await next_of(feed) == happened.seq


@pytest.mark.parametrize("text", ["subject~al*", "subject~alice", "subject="])
def test_subject_is_compared_with_a_whole_name(text: str) -> None:
    with pytest.raises(InvalidQueryError):
        parse_query(text, NOW)
