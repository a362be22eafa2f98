"""The audit index of every store: each record once, in order, unchanged, and found by every filter."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditRecord,
    IndexedRecord,
    Outcome,
    Resource,
)
from ambassador_server.domain.audit.index_differences import RowDifferences
from ambassador_server.domain.audit.query import EVERYTHING, Attribute, Is, Like, Not, Query, Since
from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.domain.shared.globs import glob_matches
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.audit_index import EventCounts, HourCount, HourCounts
from ambassador_server.ports.store import Store
from ambassador_server.storage.value_checks import MAX_KEY
from tests.conformance.store_samples import HOUR, NOW, event, position, record
from tests.effort import examples
from tests.patience import PATIENCE


async def index(store: Store, records: Sequence[AuditRecord]) -> None:
    """Index the records of one writer."""
    async with store.write() as work:
        await work.audit.insert(records, position(records[-1].seq))


async def newest(store: Store, wanted: Query = EVERYTHING, limit: int = 100) -> list[AuditRecord]:
    """Return the records that the query finds, newest first."""
    async with store.read() as work:
        return records_of(await work.audit.newest(wanted, limit=limit))


def records_of(found: Sequence[IndexedRecord]) -> list[AuditRecord]:
    """Return the records without their cursors."""
    return [item.record for item in found]


def named(seq: int, name: str | None) -> AuditRecord:
    """Return a record about a tool of this name."""
    return record(seq, resource=Resource(kind="tool", id=None, name=name))


ODD = "Zoë 🦊 \0 \ud800 \\ % _ * [x]"
EVENTS = [
    event(),
    event(actor=Actor(kind=ActorKind.UNKNOWN), resource=Resource(kind="server", id=None, name=None)),
    event(reason="", request_id="", session_id="", source="", resource=Resource(kind="", id="", name="")),
    event(
        actor=Actor(kind=ActorKind.USER, id=ODD, name=ODD, key_id=ODD, key_name=ODD),
        resource=Resource(kind="tool", id=ODD, name=ODD),
        reason=ODD,
        request_id=ODD,
        session_id=ODD,
        source=ODD,
    ),
    event(reason="ä" * 5_000, resource=Resource(kind="tool", id=None, name="🦊" * 5_000)),
    event(details={ODD: [ODD, -(2**80), 0.1, True, None, {"": []}], "long": "x" * 100_000}),
]


@pytest.mark.parametrize("kept", EVENTS)
async def test_record_is_read_back_unchanged(store: Store, kept: Any) -> None:
    item = AuditRecord(writer="w1", seq=1, digest="ab" * 32, event=kept)
    await index(store, [item])
    assert await newest(store) == [item]


async def test_every_action_outcome_and_kind_of_actor_is_read_back(store: Store) -> None:
    records = [record(seq, action=action) for seq, action in enumerate(AuditAction)]
    records += [record(1000 + seq, outcome=outcome) for seq, outcome in enumerate(Outcome)]
    records += [record(2000 + seq, actor=Actor(kind=kind)) for seq, kind in enumerate(ActorKind)]
    await index(store, records)
    found = await newest(store, limit=len(records))
    assert found == records[::-1]
    assert isinstance(found[0].event.action, AuditAction)


async def test_details_too_deep_to_index_do_not_stop_the_index(store: Store) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    await index(store, [record(1, details=deep), record(2)])
    found = await newest(store)
    assert [item.seq for item in found] == [2, 1]
    assert list(found[1].event.details) == ["omitted"]
    # Releasing it by recursion would overflow the stack of the interpreter.
    while deep:
        deep = deep["a"]


async def test_empty_index_has_no_records_and_cursor_zero(store: Store) -> None:
    async with store.read() as work:
        assert await work.audit.last_cursor() == 0
        assert await work.audit.position("w1") is None
        assert await work.audit.newest(EVERYTHING, limit=10) == []
        assert await work.audit.after(EVERYTHING, limit=10, cursor=0) == []


async def test_record_indexed_twice_is_stored_once(store: Store) -> None:
    await index(store, [record(1), record(2)])
    await index(store, [record(2, reason="another"), record(3), record(3, reason="another")])
    assert await newest(store) == [record(3), record(2), record(1)]


async def test_writers_number_their_records_independently(store: Store) -> None:
    await index(store, [record(1, "w1"), record(2, "w1")])
    await index(store, [record(1, "w2")])
    assert await newest(store) == [record(1, "w2"), record(2, "w1"), record(1, "w1")]
    async with store.read() as work:
        assert await work.audit.position("w1") == position(2)
        assert await work.audit.position("w2") == position(1)
        assert await work.audit.position("W1") is None


async def test_position_moves_with_the_records(store: Store) -> None:
    await index(store, [record(1)])
    await index(store, [record(2)])
    async with store.read() as work:
        assert await work.audit.position("w1") == position(2)


async def test_inserting_no_records_changes_nothing(store: Store) -> None:
    async with store.write() as work:
        await work.audit.insert([], position(1))
    async with store.read() as work:
        assert await work.audit.last_cursor() == 0


async def test_old_records_are_removed_a_few_at_a_time(store: Store) -> None:
    old = [record(seq, at=NOW - 2 * HOUR) for seq in (1, 2, 3)]
    young = [record(seq, at=NOW) for seq in (4, 5)]
    await index(store, [*old, *young])
    async with store.read() as work:
        assert await work.audit.has_before(NOW - HOUR)
    for expected in (2, 1, 0):
        async with store.write() as work:
            assert await work.audit.remove(before=NOW - HOUR, limit=2) == expected
    assert await newest(store) == young[::-1]
    async with store.read() as work:
        assert not await work.audit.has_before(NOW - HOUR)
        assert await work.audit.position("w1") == position(5)


async def test_index_is_emptied_up_to_a_cursor_and_filled_again(store: Store) -> None:
    await index(store, [record(1), record(2)])
    async with store.read() as work:
        last = await work.audit.last_cursor()
    await index(store, [record(3)])
    async with store.write() as work:
        assert await work.audit.remove(through=last, limit=100) == 2
        await work.audit.restart()
    assert await newest(store) == [record(3)]
    async with store.read() as work:
        assert await work.audit.position("w1") is None
    await index(store, [record(1), record(2), record(3)])
    assert sorted(item.seq for item in await newest(store)) == [1, 2, 3]


async def test_removing_needs_a_bound(store: Store) -> None:
    with pytest.raises(InvalidInputError):
        async with store.write() as work:
            await work.audit.remove(limit=10)


async def test_records_of_two_writers_at_once_are_refused(store: Store) -> None:
    async with store.write() as work:
        with pytest.raises(InvalidInputError):
            await work.audit.insert([record(1, "w1"), record(1, "w2")], position(1))


async def test_cursor_only_grows_even_over_a_rollback(store: Store) -> None:
    await index(store, [record(1)])
    async with store.read() as work:
        first = await work.audit.last_cursor()
    with pytest.raises(ZeroDivisionError):
        await _index_and_fail(store, [record(2), record(3)])
    await index(store, [record(2)])
    async with store.read() as work:
        assert await work.audit.last_cursor() > first > 0
        cursors = [item.cursor for item in await work.audit.newest(EVERYTHING, limit=10)]
    assert cursors == sorted(set(cursors), reverse=True)


async def _index_and_fail(store: Store, records: Sequence[AuditRecord]) -> None:
    async with store.write() as work:
        await work.audit.insert(records, position(3))
        raise ZeroDivisionError


async def test_records_are_seen_in_the_order_of_their_cursors(store: Store) -> None:
    """A reader would skip a cursor that becomes visible after a larger one."""
    inserted, commit = asyncio.Event(), asyncio.Event()

    async def insert_and_wait() -> None:
        async with store.write() as work:
            await work.audit.insert([record(1, "slow")], position(1))
            inserted.set()
            await commit.wait()

    async with asyncio.timeout(PATIENCE):
        slow = asyncio.create_task(insert_and_wait())
        await inserted.wait()
        fast = asyncio.create_task(index(store, [record(1, "fast")]))
        # A wrong store lets the second overtake the first within this time.
        await asyncio.wait([fast], timeout=0.3)
        overtaken = await newest(store)
        commit.set()
        await asyncio.gather(slow, fast)
    assert overtaken == []
    assert [item.writer for item in await newest(store)] == ["fast", "slow"]


async def test_follower_misses_no_record_while_writers_race(store: Store) -> None:
    seen: list[AuditRecord] = []
    done = asyncio.Event()

    async def write(writer: str) -> None:
        for seq in range(10):
            await index(store, [record(3 * seq + step, writer) for step in range(3)])

    async def follow() -> None:
        cursor = 0
        while not (done.is_set() and len(seen) >= 120):
            async with store.read() as work:
                found = await work.audit.after(EVERYTHING, limit=7, cursor=cursor)
            seen.extend(records_of(found))
            cursor = found[-1].cursor if found else cursor

    async with asyncio.timeout(PATIENCE):
        follower = asyncio.create_task(follow())
        await asyncio.gather(*(write(f"w{number}") for number in range(4)))
        done.set()
        await follower
    assert len(seen) == len({(item.writer, item.seq) for item in seen}) == 120


ALICE = Actor(kind=ActorKind.USER, id="u1", name="alice")
VARIED = [
    record(1, action=AuditAction.CALL_DENY, outcome=Outcome.DENIED, reason="no_grant", actor=ALICE),
    record(2, action=AuditAction.CALL_ATTEMPT, at=NOW + HOUR, actor=replace(ALICE, name="Alice")),
    record(3, action=AuditAction.USER_CREATE, outcome=Outcome.SUCCEEDED, actor=Actor(kind=ActorKind.SYSTEM)),
    record(
        4,
        action=AuditAction.CALL_OUTCOME,
        outcome=Outcome.FAILED,
        at=NOW - HOUR,
        request_id="r-4",
        actor=ALICE,
    ),
    record(
        5,
        action=AuditAction.GROUP_CREATE,
        reason="No_grant",
        resource=Resource(kind="group", id="g", name="ops"),
    ),
]
QUERIES: list[tuple[str, list[int]]] = [
    ("", [1, 2, 3, 4, 5]),
    ("actor=alice", [1, 4, 5]),
    ("user=alice", [1, 4, 5]),
    ("actor!=alice", [2, 3]),
    ("actor=alic*", []),
    ("actor~alic*", [1, 4, 5]),
    ("not actor~alic*", [2, 3]),
    ("actor=ALICE", []),
    ("action=call:tool:deny", [1]),
    ("action~call:*", [1, 2, 4]),
    ("action~*:create", [3, 5]),
    ("action~CALL:*", []),
    ("resource=git.read", [1, 2, 3, 4]),
    ("tool=ops", []),
    ("tool~git.*", [1, 2, 3, 4]),
    ("not tool~git.*", [5]),
    ("kind=group", [5]),
    ("resource~GIT.*", []),
    ("resource~*", [1, 2, 3, 4, 5]),
    ("resource~o*s", [5]),
    ("outcome=denied", [1]),
    ("decision=deny", [1]),
    ("reason=no_grant", [1]),
    ("reason!=no_grant", [2, 3, 4, 5]),
    ("reason in (no_grant, No_grant)", [1, 5]),
    ("request=r-4", [4]),
    ("request=r_4", []),
    (f"since={NOW.isoformat()}", [1, 2, 3, 5]),
    (f"until={NOW.isoformat()}", [4]),
    (f"not until={NOW.isoformat()}", [1, 2, 3, 5]),
    (f"since={NOW.isoformat()} until={(NOW + HOUR).isoformat()}", [1, 3, 5]),
    (f"since={(NOW + 2 * HOUR).isoformat()}", []),
    (f"actor=alice action~call:* until={NOW.isoformat()}", [4]),
    ("actor=alice outcome=succeeded", []),
    ("request=r-4 or reason=no_grant or actor_kind=system", [1, 3, 4]),
    ("(outcome=denied or outcome=failed) and (actor=alice or actor=Alice)", [1, 4]),
    ("not (outcome=denied or outcome=failed) and action~*:create", [3, 5]),
    ("(outcome=denied or actor=alice) or outcome=denied", [1, 4, 5]),
]


@pytest.mark.parametrize(("text", "expected"), QUERIES, ids=[text for text, _ in QUERIES])
async def test_query_finds_its_records_in_pages_in_both_orders(
    store: Store, text: str, expected: list[int]
) -> None:
    await index(store, VARIED)
    wanted = parse_query(text, NOW)
    async with store.read() as work:
        back: list[IndexedRecord] = []
        while page := await work.audit.newest(wanted, limit=2, before=back[-1].cursor if back else None):
            back += page
        forth: list[IndexedRecord] = []
        while page := await work.audit.after(wanted, limit=2, cursor=forth[-1].cursor if forth else 0):
            forth += page
        counts = await work.audit.counts(wanted, Attribute.OUTCOME, top=10)
    assert [item.record.seq for item in forth] == expected
    assert back == forth[::-1]
    assert counts.total == len(expected)


async def test_records_are_counted_by_attribute(store: Store) -> None:
    await index(store, VARIED)
    async with store.read() as work:
        by_reason = await work.audit.counts(EVERYTHING, Attribute.REASON, top=10)
        assert by_reason == EventCounts(values=((None, 3), ("No_grant", 1), ("no_grant", 1)), total=5)
        assert (await work.audit.counts(EVERYTHING, Attribute.REASON, top=1)).values == ((None, 3),)
        assert (await work.audit.counts(EVERYTHING, Attribute.ACTION, top=1)).total == 5
        nothing = await work.audit.counts(Is(Attribute.REASON, "x"), Attribute.ACTION, top=5)
        assert nothing == EventCounts(values=(), total=0)


async def test_records_are_counted_by_hour_in_utc(store: Store) -> None:
    abroad = timezone(timedelta(hours=5, minutes=30))
    times = [
        datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 12, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 1, 13, tzinfo=UTC),
        datetime(2026, 3, 1, 18, 29, tzinfo=abroad),
        datetime(2026, 3, 2, tzinfo=UTC),
    ]
    outcomes = [Outcome.DENIED, Outcome.SUCCEEDED, Outcome.DENIED, Outcome.DENIED, Outcome.FAILED]
    await index(
        store,
        [
            record(seq, at=at, outcome=outcome)
            for seq, (at, outcome) in enumerate(zip(times, outcomes, strict=True), 1)
        ],
    )
    noon, midnight = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    hours = (
        HourCount(at=noon, count=3, denied=2),
        HourCount(at=noon + HOUR, count=1, denied=1),
        HourCount(at=midnight, count=1, denied=0),
    )
    async with store.read() as work:
        assert await work.audit.hours(EVERYTHING, last=24) == HourCounts(hours=hours, total=5)
        assert await work.audit.hours(EVERYTHING, last=2) == HourCounts(hours=hours[1:], total=5)
        denied = await work.audit.hours(Is(Attribute.OUTCOME, "denied"), last=1)
        assert denied == HourCounts(hours=(HourCount(at=noon + HOUR, count=1, denied=1),), total=3)
        assert await work.audit.hours(Is(Attribute.REASON, "x"), last=5) == HourCounts(hours=(), total=0)


async def test_record_is_found_by_writer_and_number(store: Store) -> None:
    await index(store, [record(1), record(2)])
    async with store.read() as work:
        found = await work.audit.get("w1", 2)
        assert found is not None
        assert found.record == record(2)
        assert found.cursor == await work.audit.last_cursor()
        assert await work.audit.first_cursor() == found.cursor - 1
        assert await work.audit.get("w1", 3) is None
        assert await work.audit.get("w2", 1) is None


async def test_page_has_no_more_than_its_limit(store: Store) -> None:
    await index(store, VARIED)
    assert len(await newest(store, limit=3)) == 3
    assert await newest(store, limit=0) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Is(Attribute.ACTOR_NAME, "\0"),
        Like(Attribute.RESOURCE_NAME, "\ud800*"),
        Not(Is(Attribute.RESOURCE_NAME, "x" * (MAX_KEY + 1))),
        Since(NOW.replace(tzinfo=None)),
    ],
)
async def test_query_with_an_impossible_value_is_refused(store: Store, wanted: Query) -> None:
    with pytest.raises(InvalidInputError):
        await newest(store, wanted)


@pytest.mark.parametrize(("limit", "cursor"), [(-1, 0), (2**63, 0), (1, 2**63)])
async def test_page_with_an_invalid_limit_or_cursor_is_refused(store: Store, limit: int, cursor: int) -> None:
    async with store.read() as work:
        with pytest.raises(InvalidInputError):
            await work.audit.after(EVERYTHING, limit=limit, cursor=cursor)
        with pytest.raises(InvalidInputError):
            await work.audit.newest(EVERYTHING, limit=limit, before=cursor)


async def test_name_with_unstorable_characters_is_found_by_the_others(store: Store) -> None:
    records = [named(1, "a\0b"), named(2, "a\ud800b"), named(3, "ab"), named(4, "x" * MAX_KEY + "y")]
    await index(store, records)
    assert await newest(store, Like(Attribute.RESOURCE_NAME, "a*b")) == [records[2], records[1], records[0]]
    assert await newest(store, Is(Attribute.RESOURCE_NAME, "a\ufffdb")) == [records[1], records[0]]
    assert await newest(store, Is(Attribute.RESOURCE_NAME, "x" * MAX_KEY)) == [records[3]]


NAMES = [
    *(
        "",
        "*",
        "a",
        "A",
        "aa",
        "ab",
        "a.b",
        "a_b",
        "a%b",
        "a*b",
        "a?b",
        "a[b",
        "a]b",
        "a[b]",
        "[ab]",
        "a\\b",
        "\\",
    ),
    *(
        "a^b",
        "[^a]",
        "a-b",
        "[a-z]",
        "%",
        "_",
        "%%",
        "a%",
        "_b",
        "\\%",
        "\\_",
        "\\*",
        "a\nb",
        "ä",
        "äb",
        "🦊",
        "a🦊b",
    ),
    *("git.read", "git.read_file", "gitXread", "abab", "ababab", "a.b.c", None),
]


@settings(examples(12), derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patterns=st.lists(
        st.text(alphabet="ab*%_?[]^-\\.ä🦊\n", max_size=6), min_size=25, max_size=25, unique=True
    )
)
async def test_star_is_the_only_wildcard_in_a_name(store: Store, patterns: list[str]) -> None:
    async with store.write() as work:
        if await work.audit.last_cursor() == 0:
            await work.audit.insert([named(seq, name) for seq, name in enumerate(NAMES)], position(1))
    async with store.read() as work:
        for pattern in patterns:
            expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
            expected = [name for name in NAMES if name is not None and expression.fullmatch(name)]
            found = await work.audit.after(Like(Attribute.RESOURCE_NAME, pattern), limit=100, cursor=0)
            assert [item.record.event.resource.name for item in found] == expected
            assert [name for name in NAMES if name is not None and glob_matches(pattern, name)] == expected


async def test_rows_are_copies_of_the_records_that_were_indexed(store: Store) -> None:
    records = [
        AuditRecord(writer="w1", seq=seq, digest="ab" * 32, event=kept) for seq, kept in enumerate(EVENTS, 1)
    ]
    await index(store, records)
    async with store.read() as work:
        assert await work.audit.compare("w1", 1, len(EVENTS), records) == RowDifferences()
        assert await work.audit.compare("w2", 1, 9, []) == RowDifferences()


async def test_comparison_names_missing_altered_and_surplus_rows_of_a_range(store: Store) -> None:
    records = [record(seq) for seq in range(1, 11)]
    await index(store, [each for each in records if each.seq != 4])
    changed = [replace(each, digest="cd" * 32) if each.seq == 6 else each for each in records]
    logged = [each for each in changed if each.seq != 8]
    async with store.read() as work:
        found = await work.audit.compare("w1", 1, 10, logged)
        assert found == RowDifferences(missing=(records[3],), altered=(6,), surplus=(8,))
        assert await work.audit.compare("w1", 9, 10, records[8:]) == RowDifferences()


async def test_highest_number_and_the_rows_after_a_number_are_those_of_the_writer(store: Store) -> None:
    async with store.read() as work:
        assert (await work.audit.highest_seq("w1"), await work.audit.count_after("w1", 0)) == (0, 0)
    await index(store, [record(1), record(2), record(5)])
    async with store.read() as work:
        assert (await work.audit.highest_seq("w1"), await work.audit.count_after("w1", 1)) == (5, 2)
        assert (await work.audit.highest_seq("w2"), await work.audit.count_after("w2", 0)) == (0, 0)
