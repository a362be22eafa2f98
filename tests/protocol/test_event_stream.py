"""Event streams are read as the HTML standard says, for any split of their bytes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.event_stream import EventStreamReader, EventTooLargeError, ServerSentEvent
from tests.chunks import CUTS, cut

DATA = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=1, max_size=3)
FIELDS = st.sampled_from(
    [b"data: x\n", b"data", b"event", b"event: a\n", b"id", b"id: 7\n", b"retry", b"retry: 5\n"]
)
SIGNS = st.sampled_from([b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"a", b"12", b"\0", "é".encode()])
MARKS = st.sampled_from([b"\xef\xbb\xbf", b"\xef", b"\xbb", b"\xbf"])
STREAMS = st.lists(FIELDS | SIGNS | MARKS, max_size=40).map(b"".join)


def read(chunks: list[bytes], limit: int = 1 << 20) -> tuple[list[ServerSentEvent], str, float]:
    reader = EventStreamReader(limit)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events, reader.last_id, reader.retry_seconds


def data_of(chunks: list[bytes], limit: int = 1 << 20) -> list[bytes]:
    return [event.data for event in read(chunks, limit)[0]]


def by_the_standard(stream: bytes) -> tuple[list[ServerSentEvent], str, float]:
    """Parse a whole stream with a direct implementation of the standard's steps."""
    *lines, _ = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    events: list[ServerSentEvent] = []
    data, name, buffered_id, last_id, retry = b"", b"", "", "", 0.0
    for line in lines:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if line == b"":
            last_id = buffered_id
            if data:
                events.append(ServerSentEvent(data[:-1], name.decode(errors="replace") or "message", last_id))
            data, name = b"", b""
        elif field == b"data":
            data += value + b"\n"
        elif field == b"event":
            name = value
        elif field == b"id" and re.fullmatch(rb"[\x21-\x7e]*", value):
            buffered_id = value.decode()
        elif field == b"retry" and re.fullmatch(rb"[0-9]+", value):
            retry = int(value[:12]) / 1000
    return events, last_id, retry


@given(stream=STREAMS, cuts=CUTS)
def test_any_bytes_in_any_chunks_are_read_as_the_standard_says(stream: bytes, cuts: list[int]):
    assert read(cut(stream, cuts)) == by_the_standard(stream)
    assert read([stream[at : at + 1] for at in range(len(stream))]) == by_the_standard(stream)


@given(
    events=st.lists(DATA, max_size=4),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=CUTS,
    mark=st.booleans(),
)
def test_written_events_are_read(events: list[list[str]], end: str, cuts: list[int], mark: bool):
    text = "\ufeff" if mark else ""
    for number, lines in enumerate(events):
        text += f": a comment{end}event: kind{end}id: {number}{end}"
        text += "".join(f"data: {line}{end}" for line in lines) + end
    expected = [ServerSentEvent("\n".join(lines).encode(), "kind", str(n)) for n, lines in enumerate(events)]
    assert read(cut(text.encode(), cuts))[0] == expected


def test_fields_without_space_or_colon_follow_the_standard():
    assert data_of([b"data:a\ndata:  b\ndata\n\n"]) == [b"a\n b\n"]


def test_an_event_that_names_no_type_is_a_message():
    events, _, _ = read([b"event: gap\ndata: 1\n\ndata: 2\n\nevent: gap\n\ndata: 3\n\n"])
    assert [event.name for event in events] == ["gap", "message", "message"]


def test_an_incomplete_event_is_no_event():
    assert data_of([b"data: a\n\ndata: b\n"]) == [b"a"]


def test_the_id_of_an_incomplete_event_is_not_the_last_id():
    assert read([b"id: 1\ndata: a\n\nid: 2\ndata: b\n"])[1] == "1"


def test_an_id_applies_to_later_events_until_it_is_reset():
    events, last_id, _ = read([b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"])
    assert [event.id for event in events] == ["1", "1", ""]
    assert last_id == ""


def test_an_event_without_data_sets_the_last_id_and_the_retry_time():
    events, last_id, retry_seconds = read([b"id: 7-a\nretry: 1500\n\n"])
    assert (events, last_id, retry_seconds) == ([], "7-a", 1.5)


def test_an_id_that_no_header_can_have_is_ignored():
    stream = b"id: a\x00b\nid: \xc3\xa9\nid: a b\nid: a\tb\nid: \x7f\nid: " + b"x" * 1025 + b"\n\n"
    assert read([stream])[1] == ""


def test_a_retry_time_that_is_no_number_is_ignored():
    stream = b"retry: -1\nretry: soon\nretry: 1.5\nretry:\nretry: \xd9\xa1\n\n"
    assert read([stream])[2] == 0
    assert read([b"retry: " + b"9" * 100_000 + b"\n\n"])[2] < 1e10


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 101 + b"\n\n"],
        [b"data: " + b"x" * 60, b"x" * 60],
        [b"data:" + b"x" * 101, b"\n"],
        [b"data: " + b"x" * 50 + b"\n"] * 2,
        [b"data: " + b"x" * 50 + b"\n", b"data: " + b"x" * 50, b"\n"],
        [b"data\n"] * 200,
        [b": " + b"x" * 60, b"x" * 60],
        [b": " + b"x" * 120 + b"\n"],
    ],
)
def test_an_event_above_the_limit_is_refused(chunks: list[bytes]):
    with pytest.raises(EventTooLargeError, match="an event of more than 100 bytes"):
        read(chunks, limit=100)


@given(lines=st.lists(st.integers(0, 12), min_size=1, max_size=5), cuts=CUTS, limit=st.integers(1, 30))
def test_the_limit_applies_to_the_data_in_any_chunks(lines: list[int], cuts: list[int], limit: int):
    data = b"\n".join(b"x" * size for size in lines)
    stream = b": comment\n" + b"".join(b"data: " + line + b"\n" for line in data.split(b"\n")) + b"\n"
    if len(data) > limit:
        with pytest.raises(EventTooLargeError):
            read(cut(stream, cuts), limit)
    else:
        assert data_of(cut(stream, cuts), limit) == [data]


def test_keep_alive_comments_are_not_stored():
    assert data_of([b": still here\n"] * 1000 + [b"data: a\n\n"], limit=100) == [b"a"]


def test_stored_bytes_are_counted_until_the_event_is_complete():
    reader = EventStreamReader(1 << 20)
    reader.feed(b"data: abc\ndata: de")
    assert reader.size == len(b"abc") + len(b"data: de")
    reader.feed(b"f\n\n")
    assert reader.size == 0
