"""An audit query has the same result in a database and in Python; a syntax error has a position."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.domain.audit.query import (
    And,
    Attribute,
    Is,
    Like,
    Member,
    Mentions,
    Not,
    OneOf,
    Or,
    Query,
    Since,
    Until,
    matches,
)
from ambassador_server.domain.audit.query_fields import FIELDS, TIME_FIELDS
from ambassador_server.domain.audit.query_parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse_query
from ambassador_server.domain.audit.subjects import Subject, resolve, subjects_in
from ambassador_server.errors import InvalidQueryError
from ambassador_server.ports.store import Store
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.conformance.store_samples import HOUR, NOW, position, record
from tests.effort import examples

TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "a.b",
    "a.%",
    "a_b",
    "a*b",
    "[ab]",
    "a\\b",
    "ä",
    "🦊",
    "b\0\ud800",
    "tool",
    "x" * 600,
]
texts = st.sampled_from(TEXTS)
optional = st.none() | texts
globs = st.text(alphabet="ab*.%_[]\\äx🦊A", max_size=4)
times = st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)

members = st.sampled_from([*Member, "users", 'x"user', ',"user', "{", "ä"])
details = st.dictionaries(
    members,
    st.recursive(
        texts | st.none() | st.integers() | st.just('{"user":"a"}'),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(members, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)

records = st.builds(
    lambda **parts: record(1, **parts),
    at=times,
    action=st.sampled_from(
        [
            AuditAction.CALL_DENY,
            AuditAction.CALL_ATTEMPT,
            AuditAction.RESOURCE_DENY,
            AuditAction.PROMPT_OUTCOME,
            AuditAction.USER_CREATE,
        ]
    ),
    outcome=st.sampled_from(Outcome),
    actor=st.builds(Actor, kind=st.sampled_from(ActorKind), name=optional),
    resource=st.builds(Resource, kind=texts, id=st.none(), name=optional),
    reason=optional,
    request_id=optional,
    session_id=optional,
    source=optional,
    details=details,
)
attributes = st.sampled_from(Attribute)
sought = texts.filter(lambda text: "\0" not in text and len(text) <= 512) | st.sampled_from(
    ["denied", "call:tool:deny", "call:resource:deny", "b\ufffd\ufffd", "x" * 512]
)
leaves = (
    st.builds(Is, attributes, sought)
    | st.builds(Like, attributes, globs)
    | st.builds(OneOf, attributes, st.lists(sought, max_size=3).map(tuple))
    | st.builds(Mentions, st.sampled_from(Member), st.lists(sought, max_size=3).map(tuple))
    | st.builds(Since, times)
    | st.builds(Until, times)
)
queries: st.SearchStrategy[Query] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=4).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, max_size=4).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for all examples, because they share a database."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def store(loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A SQLite database without a record."""
    path: Path = tmp_path_factory.mktemp("queries") / "store.db"
    loop.run_until_complete(upgrade(f"sqlite:///{path}"))
    opened = loop.run_until_complete(open_store(f"sqlite:///{path}"))
    yield opened
    loop.run_until_complete(opened.close())


_writers = iter(f"w{number}" for number in range(10**9))


@examples(60)
@given(found=st.lists(records, min_size=1, max_size=12), wanted=st.lists(queries, min_size=1, max_size=5))
def test_database_and_python_agree(
    loop: asyncio.AbstractEventLoop, store: Store, found: list[AuditRecord], wanted: list[Query]
) -> None:
    async def ask() -> None:
        writer = next(_writers)
        numbered = [
            AuditRecord(writer=writer, seq=seq, digest="d", event=each.event)
            for seq, each in enumerate(found, 1)
        ]
        async with store.write() as work:
            before = await work.audit.last_cursor()
            await work.audit.insert(numbered, position(len(numbered)))
        async with store.read() as work:
            for query in wanted:
                expected = [each for each in numbered if matches(query, each.event)]
                after = await work.audit.after(query, limit=1000, cursor=before)
                assert [each.record for each in after] == expected
                newest = await work.audit.newest(query, limit=len(numbered))
                ours = [each.record for each in newest if each.cursor > before]
                assert ours == expected[::-1][: len(newest)]

    loop.run_until_complete(ask())


pieces = st.sampled_from(
    [
        *FIELDS,
        *TIME_FIELDS,
        *("=", "!=", "~", "==", "(", ")", ",", "and", "or", "not", "in", " ", "'", '"', "\\"),
        *("alice", "1h", "2026-11-20T10:00Z", "denied", "*", "\0", "\ud800", "999999999w"),
    ]
)


@examples(250)
@given(st.lists(pieces, max_size=30).map("".join) | st.lists(pieces, max_size=30).map(" ".join) | st.text())
def test_any_text_is_a_query_or_an_error_with_a_position(text: str) -> None:
    try:
        query = parse_query(text, NOW)
        subjects = {name: Subject(user=name) for name in subjects_in(query)}
        matches(resolve(query, subjects), record(1).event)
    except InvalidQueryError as error:
        place, message = error.position, error.message
    else:
        return
    assert 0 <= place <= len(text)
    assert f"at character {place + 1}" in message


def test_sizes_are_bounded() -> None:
    parse_query(" ".join(["user=a"] * MAX_TERMS), NOW)
    parse_query("(" * MAX_DEPTH + "user=a" + ")" * MAX_DEPTH, NOW)
    too_much = {
        " ".join(["user=a"] * (MAX_TERMS + 1)): 7 * MAX_TERMS + 5,
        f"user in ({','.join(['a'] * (MAX_TERMS + 1))})": 9 + 2 * MAX_TERMS,
        "(" * (MAX_DEPTH + 1) + "user=a" + ")" * (MAX_DEPTH + 1): MAX_DEPTH + 1,
        "not " * (MAX_DEPTH + 1) + "user=a": 4 * (MAX_DEPTH + 1),
        "user=" + "a" * MAX_LENGTH: MAX_LENGTH,
        "user=" + "a" * 513: 5,
    }
    for text, position_ in too_much.items():
        with pytest.raises(InvalidQueryError) as caught:
            parse_query(text, NOW)
        assert caught.value.position == position_


def test_durations_count_back_and_times_without_a_zone_are_utc() -> None:
    assert parse_query("since=1h30m", NOW) == Since(NOW - timedelta(minutes=90))
    assert parse_query("until=2026-03-01T12:30:15.123456", NOW) == Until(NOW)
    assert parse_query("until=2026-03-01T14:30:15.123456+02:00", NOW) == Until(NOW)
