"""Event streams, whatever way the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.errors import TooLargeError
from ambassador_client.link.events import EventParser
from tests.client.test_framing import CUTS, cut

DATA = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=1, max_size=3)


def parse(chunks: list[bytes], limit: int = 1 << 20) -> list[bytes]:
    parser = EventParser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(
    events=st.lists(DATA, max_size=4),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=CUTS,
    mark=st.booleans(),
)
def test_any_split_of_the_bytes_gives_the_same_events(
    events: list[list[str]], end: str, cuts: list[int], mark: bool
):
    text = "\ufeff" if mark else ""
    for lines in events:
        text += f": a comment{end}event: message{end}id: 7{end}{end}"
        text += "".join(f"data: {line}{end}" for line in lines) + end
    expected = [data for lines in events if (data := "\n".join(lines).encode())]
    assert parse(cut(text.encode(), cuts)) == expected


def test_fields_without_space_or_colon_follow_the_standard():
    assert parse([b"data:a\ndata:  b\ndata\n\n"]) == [b"a\n b\n"]


def test_an_unfinished_event_is_no_event():
    assert parse([b"data: a\n\ndata: b\n"]) == [b"a"]


def test_an_event_without_data_says_where_to_go_on_and_how_long_to_wait():
    parser = EventParser(100)
    assert parser.feed(b"id: 7-a\nretry: 1500\ndata:\n\n") == []
    assert (parser.last_id, parser.retry_seconds) == ("7-a", 1.5)


def test_what_no_header_can_carry_is_no_id():
    parser = EventParser(100)
    parser.feed(b"id: a\x00b\nid: \xc3\xa9\nid: a b\nretry: -1\nretry: soon\n\n")
    assert (parser.last_id, parser.retry_seconds) == ("", 0.0)
    parser.feed(b"retry: 99999999999999\n\n")
    assert parser.retry_seconds == 60


def test_an_event_above_the_limit_is_refused():
    with pytest.raises(TooLargeError):
        parse([b"data: " + b"x" * 50 + b"\n"] * 3, limit=100)
    with pytest.raises(TooLargeError):
        parse([b"data: " + b"x" * 60, b"x" * 60], limit=100)


def test_keep_alive_comments_never_add_up():
    assert parse([b": still here\n"] * 1000 + [b"data: a\n\n"], limit=100) == [b"a"]
