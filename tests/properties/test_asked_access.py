"""What a request for access names is read without a lookup, and covers exactly what it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.policy.asked_access import AskedAccess
from ambassador_server.domain.policy.pattern_spelling import spell_name
from ambassador_server.errors import InvalidInputError

MCPS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
TOOLS = st.text(min_size=1, max_size=40)


@given(st.text(max_size=60) | st.text("az.*%A0 _-/:", max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        asked = AskedAccess.parse(text)
    except InvalidInputError:
        return
    assert AskedAccess.parse(asked.name) == asked
    assert asked.name.isascii()
    assert asked.name.isprintable()
    assert "*" not in asked.name


@given(MCPS, TOOLS, TOOLS)
def test_a_tool_of_any_name_can_be_asked_for_and_no_other_one_is_covered(mcp, tool, other):
    asked = AskedAccess.parse(f"{mcp}.{spell_name(tool)}")
    assert (asked.mcp, asked.canonical, asked.kind) == (mcp, f"{mcp}.{tool}", CapabilityKind.TOOL)
    covered = CapabilityRef("m1", CapabilityKind.TOOL, f"{mcp}.{tool}")
    assert asked.named.include(covered)
    assert asked.named.include(CapabilityRef("m1", CapabilityKind.TOOL, f"{mcp}.{other}")) == (other == tool)
    for kind in (CapabilityKind.RESOURCE, CapabilityKind.PROMPT):
        assert not asked.named.include(CapabilityRef("m1", kind, f"{mcp}.{tool}"))


@given(MCPS)
def test_a_whole_mcp_is_everything_that_it_has(mcp):
    asked = AskedAccess.parse(mcp)
    assert (asked.name, asked.canonical, asked.kind) == (mcp, None, None)
    assert all(asked.named.include_all(kind, mcp) for kind in CapabilityKind)


@pytest.mark.parametrize(
    "text", ["time.*", "*", "ti*me", "time.get_%", "Time", "time.", "", "time " + "x" * 600]
)
def test_patterns_and_other_forms_are_refused(text):
    with pytest.raises(InvalidInputError):
        AskedAccess.parse(text)
