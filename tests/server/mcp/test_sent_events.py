"""What was sent is kept within bounds, and only a stream of which nothing is missing is resumed."""

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.mcp import sent_events
from ambassador_server.mcp.open_streams import OpenStreams
from ambassador_server.mcp.sent_events import (
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    MOST_EVENTS,
    KeptEvents,
    SentEvents,
)


def messages(events: list[sent_events.Event] | None) -> list[bytes] | None:
    return None if events is None else [each.message for each in events]


def resumed(sent: SentEvents, last_id: str) -> list[bytes] | None:
    found = sent.resume(last_id)
    assert found is not None
    return messages(found.missed)


def test_the_events_after_an_id_are_those_of_its_stream_alone():
    sent = SentEvents(KeptEvents())
    first, second = sent.begin_stream(), sent.begin_stream()
    ids = [first.add(b"a").id, second.add(b"b").id, first.add(b"c").id, sent.server_stream.add(b"d").id]
    assert len(set(ids)) == 4
    assert [resumed(sent, each) for each in ids] == [[b"c"], [], [], []]
    assert resumed(sent, first.position().id) == []


def test_a_stream_that_lost_an_event_is_not_resumed_before_it():
    sent = SentEvents(KeptEvents())
    stream = sent.begin_stream()
    ids = [stream.add(b"%d" % number).id for number in range(MOST_EVENTS + 2)]
    assert resumed(sent, ids[0]) is None
    assert resumed(sent, ids[1]) == [b"%d" % number for number in range(2, MOST_EVENTS + 2)]


def test_an_event_that_is_too_large_is_not_kept():
    kept = KeptEvents()
    sent = SentEvents(kept)
    stream = sent.begin_stream()
    before = stream.add(b"small").id
    large = stream.add(b"x" * (MOST_BYTES + 1)).id
    assert resumed(sent, before) is None
    assert resumed(sent, large) == []
    assert kept.size == len(b"small")


def test_a_stream_that_has_ended_is_forgotten_with_its_last_event():
    sent = SentEvents(KeptEvents())
    stream = sent.begin_stream()
    last = stream.add(b"answer").id
    stream.end()
    assert resumed(sent, last) == []
    for _ in range(MOST_EVENTS):
        sent.server_stream.add(b"")
    found = sent.resume(last)
    assert found is not None
    assert (found.stream, found.is_server_stream) == (None, False)


def test_all_conversations_together_keep_a_bounded_number_of_bytes():
    kept = KeptEvents()
    conversations = [SentEvents(kept) for _ in range(MOST_BYTES_IN_ALL // MOST_BYTES + 8)]
    firsts = [each.server_stream.position().id for each in conversations]
    for each in conversations:
        each.server_stream.add(b"x" * MOST_BYTES)
    assert kept.size == MOST_BYTES_IN_ALL
    found = [resumed(each, first) is None for each, first in zip(conversations, firsts, strict=True)]
    assert found == [True] * 8 + [False] * (len(conversations) - 8)
    for each in conversations:
        each.forget()
    assert kept.size == 0


async def test_a_reader_gets_what_comes_and_the_end():
    sent = SentEvents(KeptEvents())
    stream = sent.begin_stream()
    stream.reader = OpenStreams().open("k1")
    stream.add(b"a")
    stream.add(b"b")
    assert messages(list(await stream.reader.next())) == [b"a", b"b"]
    stream.end()
    assert await stream.reader.next() == ()


_IDS = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"[0-9a-f]{16}-[0-9]{1,9}-[0-9]{1,9}", fullmatch=True),
    st.tuples(st.integers(0, 5), st.integers(0, 12)),
)


@given(_IDS)
def test_no_id_brings_what_was_sent_before_it_or_elsewhere(wanted: str | tuple[int, int]):
    kept = KeptEvents()
    others, own = SentEvents(kept), SentEvents(kept)
    others.server_stream.add(b"secret")
    others.begin_stream().add(b"secret")
    streams = [own.server_stream, own.begin_stream(), own.begin_stream()]
    for number in range(10):
        for stream in streams:
            stream.add(b"%d-%d" % (stream.number, number))
    last_id = wanted if isinstance(wanted, str) else f"{own.tag}-{wanted[0]}-{wanted[1]}"
    found = own.resume(last_id)
    if found is None or found.missed is None:
        return
    assert not isinstance(wanted, str)
    number, last = wanted
    assert messages(found.missed) == [b"%d-%d" % (number, each) for each in range(last, 10)]
