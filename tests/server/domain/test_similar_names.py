"""Similar names: a misspelt name is recognised, however many names there are, and in bounded time."""

import string

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.shared.names import near, similar_names

WORDS = st.text(string.ascii_letters + string.digits + "._@+-", min_size=1, max_size=12)


def test_misspelt_and_shortened_names_are_recognised() -> None:
    known = ["alice", "bob", "developers", "carol@example.com"]
    assert similar_names("alise", known) == ["alice"]
    assert similar_names("ALICE", known) == ["alice"]
    assert similar_names("dev", known) == ["developers"]
    assert similar_names("carol", known) == ["carol@example.com"]
    assert similar_names("zzz", known) == []
    assert near("alise", known) == "; near: 'alice'"
    assert near("", known) == ""


def test_many_names_are_searched_by_their_first_letter() -> None:
    known = [f"user-{number:06}" for number in range(20_000)] + ["alice", "Alina"]
    assert similar_names("alise", known) == ["alice", "Alina"]


@given(st.lists(WORDS, unique=True), WORDS)
def test_similar_names_are_known_names_and_few(known: list[str], name: str) -> None:
    found = similar_names(name, known)
    assert len(found) <= 3
    assert {*found} <= {*known}
    assert len({*found}) == len(found)
    assert not known or name not in known or name in similar_names(name, [name])
