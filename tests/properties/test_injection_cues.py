"""The search for cues in definitions ends in time linear to its input, and shows no character that a terminal obeys."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.cue_patterns import HIDDEN
from ambassador_server.domain.catalog.injection_cues import MOST_FINDINGS, Cue, Pairs, find_cues
from ambassador_server.domain.catalog.mcps import Tool, ToolClass
from ambassador_server.services.registry.definition_findings import findings_of
from tests.effort import examples
from tests.properties.test_redaction_cost import assert_linear

FRAGMENTS = [
    "ignore ",
    "ignore all any the ",
    "do not a a tell ",
    "do not tell a",
    "before using this ",
    "before you call the a ",
    "<important ",
    "<|a",
    "http://",
    "http://?",
    "https://a?b",
    "~/",
    "a" * 63 + " ",
    "A1b/",
    "<!-",
    "you must ",
    "search ",
    "`search",
    "\u200b",
    "\U000e0069",
    "\u202e\x1b[2J",
    "\ud800",
    " \t\n",
    "private_",
    "assistant ",
]
NAMES = {"search": "wiki.search", "wiki__search": "wiki.search", "send_mail": "mail.send_mail"}
TEXTS = st.text() | st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(TEXTS, inner), max_size=4).map(Pairs),
    max_leaves=20,
)


@given(VALUES)
@examples(200)
def test_nothing_that_is_shown_can_be_hidden_or_obeyed_by_a_terminal(value: Any) -> None:
    found = find_cues(value, own_name="evil.tool", other_tools=NAMES)
    assert len(found.first) <= MOST_FINDINGS + 1
    for each in found.first:
        for text in (each.place, each.excerpt):
            assert text.isprintable()
            assert HIDDEN.search(text) is None
            assert len(text) < 3_000


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_every_definition_can_be_searched(document: bytes) -> None:
    tool = Tool(name="t", description="", tool_class=ToolClass.WRITE, definition=document, digest="")
    assert findings_of("evil", tool, NAMES).left_out >= 0


@given(st.text(max_size=50), st.sampled_from([0x200B, 0x202E, 0x2066, 0xFEFF, 0xE0001, 0xE007F, 0x1B]))
def test_every_hidden_character_is_found_wherever_it_stands(around: str, code: int) -> None:
    found = find_cues(Pairs([("title", around + chr(code) + around)]), own_name="", other_tools={})
    assert Cue.HIDDEN_CHARACTERS in {each.cue for each in found.first}


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_hostile_text_takes_time_linear_to_its_length(fragment: str) -> None:
    def work(size: int) -> Callable[[], object]:
        text = fragment * (size // len(fragment))
        return lambda: find_cues(Pairs([("description", text)]), own_name="", other_tools=NAMES)

    assert_linear(work, 6_000)


def test_deep_and_wide_definitions_take_bounded_work() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = Pairs([("a" * 100, deep), ("b", ["ignore previous"] * 50)])
    found = find_cues(deep, own_name="", other_tools={})
    assert len(found.first) == MOST_FINDINGS + 1
    assert found.left_out > 0
    wide = find_cues(["ignore previous" + " " * 1000] * 1000, own_name="", other_tools={})
    assert wide.first[-1].excerpt == "What follows was not searched."
