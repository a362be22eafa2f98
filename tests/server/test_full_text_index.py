"""Texts are found by words in any script and case, any query is accepted, and the order is always the same."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.search_words import (
    LONGEST_QUERY,
    SearchedTexts,
    query_words,
    searched_text,
)
from ambassador_server.full_text_index import FullTextIndex
from tests.effort import examples

TEXTS = [
    ("mail.sendMessage", "", "Sends an e-mail to one address", "recipient"),
    ("mail.list_inbox", "", "Lists emails", "limit"),
    ("time.convert_time", "Umrechnen", "Converts a time between time zones", "source_timezone"),
    ("chat.post", "", "发送邮件给客户", ""),
    ("GitHub.getUserByID", "", "Größe, naïve", ""),
]
SYNTAX = [
    '"',
    '""',
    "AND",
    "NOT",
    "a OR b",
    "NEAR(a b)",
    "name : mail",
    "^mail",
    "mail*",
    "(",
    "{name} : x",
    "\0",
]


def texts(name: str, title: str, description: str, arguments: str) -> SearchedTexts:
    return SearchedTexts(
        name=searched_text(name),
        title=searched_text(title),
        description=searched_text(description),
        arguments=searched_text(arguments),
    )


INDEX = FullTextIndex(texts(*each) for each in TEXTS)


def found(query: str, index: FullTextIndex = INDEX) -> Sequence[str]:
    return [TEXTS[position][0] for position in index.find(query_words(query))]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("send", "mail.sendMessage"),
        ("SENDMESSAGE", "mail.sendMessage"),
        ("email", "mail.list_inbox"),
        ("converting times", "time.convert_time"),
        ("umrech", "time.convert_time"),
        ("source timezone", "time.convert_time"),
        ("邮件", "chat.post"),
        ("邮", "chat.post"),
        ("github", "GitHub.getUserByID"),
        ("user by id", "GitHub.getUserByID"),
        ("GROSSE", "GitHub.getUserByID"),
        ("naive", "GitHub.getUserByID"),
    ],
)
def test_a_text_is_found_by_its_words(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_a_name_counts_more_than_a_description_and_equals_keep_their_order() -> None:
    index = FullTextIndex(
        texts(*each)
        for each in [
            ("a.one", "", "reads files", ""),
            ("a.read", "", "something", ""),
            ("b.one", "", "reads files", ""),
        ]
    )
    assert index.find(["read"]) == [1, 0, 2]


@pytest.mark.parametrize("query", SYNTAX)
def test_nothing_in_a_query_is_syntax(query: str) -> None:
    assert set(found(query)) <= {each[0] for each in TEXTS}
    assert found(f"{query} inbox")[0] == "mail.list_inbox"


@examples(300)
@given(st.text() | st.lists(st.sampled_from([*SYNTAX, "mail", "\ud800", "𞤀", "ﬁ", "e\u0301"])).map(" ".join))
def test_any_query_is_accepted_and_finds_only_what_there_is(query: str) -> None:
    names = found(query)
    assert len(set(names)) == len(names)
    assert names == found(query)


@given(st.text(max_size=80), st.text(max_size=200))
def test_a_text_is_found_by_each_of_its_own_words(name: str, description: str) -> None:
    index = FullTextIndex([texts("other", "", "", ""), texts(name, "", description, "")])
    for word in query_words(f"{name} {description}")[:5]:
        # A character that the database does not know to be a letter is not searched.
        assert set(index.find([word])) <= {0, 1}
        if word.isascii():
            assert 1 in index.find([word])


def test_a_long_query_is_cut_and_repeats_nothing() -> None:
    words = query_words("word " * LONGEST_QUERY + "late")
    assert words == ["word"]
    assert len(query_words(" ".join(map(str, range(1000))))) < 100
    assert query_words("x" * 10**6)


async def test_searches_in_threads_at_the_same_time_do_not_disturb_each_other() -> None:
    found_by = await asyncio.gather(
        *(asyncio.to_thread(INDEX.find, query_words(query)) for query in ["send", "email", "time"] * 50)
    )
    assert found_by == [INDEX.find(query_words(query)) for query in ["send", "email", "time"] * 50]


def test_without_words_nothing_is_found() -> None:
    assert INDEX.find([]) == []
    assert query_words("?!  … 😀") == []
