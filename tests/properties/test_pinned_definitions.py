"""Pins notice each change of a set of definitions, and nothing else."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.approved_tools import (
    Approval,
    ApprovedTools,
    compare_tools,
    set_digest,
)
from ambassador_server.domain.catalog.mcps import Tool, ToolClass
from ambassador_server.services.registry.definition_findings import renamed_tools
from tests.server.worlds import NOW

NAMES = st.text("abcdef_", min_size=1, max_size=6)
SETS = st.dictionaries(NAMES, st.text(max_size=10), min_size=1, max_size=6)
"""Descriptions by the names of tools."""


def tool(name: str, description: str, *, reverse: bool = False) -> Tool:
    members: dict[str, Any] = {"name": name, "description": description, "inputSchema": {"type": "object"}}
    if reverse:
        members = dict(reversed(members.items()))
    definition = json.dumps(members, indent=2 if reverse else None).encode()
    return Tool(
        name=name,
        description=description,
        tool_class=ToolClass.WRITE,
        definition=definition,
        digest=definition_digest(definition),
    )


def approved(tools: list[Tool]) -> ApprovedTools:
    digests = {each.name: each.digest for each in tools}
    return ApprovedTools(mcp_id="m1", digests=digests, approved_at=NOW, approved_by="olga")


def offered(described: dict[str, str]) -> list[Tool]:
    return [tool(name, text) for name, text in described.items()]


@given(SETS, st.randoms())
def test_order_of_tools_and_of_members_is_no_change(described: dict[str, str], random: Any) -> None:
    before = approved(offered(described))
    after = [tool(name, text, reverse=True) for name, text in described.items()]
    random.shuffle(after)
    assert {each.approval for each in compare_tools(before, after)} == {Approval.APPROVED}
    assert set_digest(each.digest for each in after) == before.set_digest


@given(SETS, SETS)
def test_every_other_difference_is_one(before: dict[str, str], after: dict[str, str]) -> None:
    compared = compare_tools(approved(offered(before)), offered(after))
    found = {each.name: each.approval for each in compared}
    assert found == {
        name: Approval.GONE
        if name not in after
        else Approval.NEW
        if name not in before
        else Approval.APPROVED
        if before[name] == after[name]
        else Approval.CHANGED
        for name in before | after
    }
    is_same_set = approved(offered(before)).set_digest == set_digest(each.digest for each in offered(after))
    assert is_same_set == (before == after)


@given(SETS, NAMES, st.randoms())
def test_a_rename_waits_and_is_called_a_rename(described: dict[str, str], new: str, random: Any) -> None:
    described = {name: f"{n}" for n, name in enumerate(described)}
    old = random.choice(sorted(described))
    tools = offered(described)
    after = {new if name == old else name: text for name, text in described.items()}
    compared = compare_tools(approved(tools), offered(after))
    renamed = renamed_tools(compared, {each.name: each for each in tools})
    if new in described:
        assert new not in renamed
    else:
        assert renamed == {new: old}
        waiting = {each.name: each.approval for each in compared if each.approval is not Approval.APPROVED}
        assert waiting == {old: Approval.GONE, new: Approval.NEW}


def test_tools_that_could_have_taken_each_others_names_are_not_called_renamed() -> None:
    tools = [tool("a", "same"), tool("b", "same")]
    compared = compare_tools(approved(tools), [tool("c", "same"), tool("d", "same")])
    assert renamed_tools(compared, {each.name: each for each in tools}) == {}
