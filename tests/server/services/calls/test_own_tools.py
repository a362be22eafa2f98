"""Tools that the server serves itself: who gets them, what their calls leave behind, and what they cost others."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.published_names import check_not_own, published_names
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.services.calls.own_tools import FEWEST_TARGETS, UNKNOWN_TOOL, Run, View, own_entry
from tests.server.services.world import ORIGIN, World
from tests.server.worlds import PRINCIPAL

NAME = "broadcast__each"
OWN = own_entry("broadcast", NAME, {"description": "Calls every tool.", "inputSchema": {"type": "object"}})


class EveryTool:
    """One tool that calls each tool of the catalog, one after another."""

    async def serve(self, call: CapabilityCall, view: View, run: Run) -> Answered | Deny:
        known = view.decide(view.index.tools)
        if len(known) < FEWEST_TARGETS:
            return UNKNOWN_TOOL
        names: list[str] = []
        for entry, _ in known:
            names.append(f"{entry.ref.name}: {_outcome(await run(_call(entry.ref.name)))}")
        return Answered(Reply(", ".join(names).encode(), None), "", "broadcast", 0.0)

    def listed(self, view: View) -> Sequence[ToolEntry]:
        return [OWN] if len(view.usable(view.index.tools)) >= FEWEST_TARGETS else []

    def has(self, index: CatalogIndex, name: str) -> bool:
        return bool(index.tools) and name == NAME


def _outcome(answer: Answered | Deny) -> str:
    return answer.reason.value if isinstance(answer, Deny) else "ran"


def _call(name: str, method: str = "tools/call") -> CapabilityCall:
    return CapabilityCall(
        principal=PRINCIPAL,
        origin=ORIGIN,
        kind=CapabilityKind.TOOL,
        method=method,
        name=name,
        members={"arguments": b"{}"},
    )


async def test_each_call_of_an_own_tool_has_its_own_decision_and_its_own_records():
    world = await World.build(EveryTool())
    assert world.catalog.own_tools(PRINCIPAL) == [OWN]
    await world.kill(SwitchScope.TOOL, "git.push")
    answer = await world.call(NAME)
    assert isinstance(answer, Answered)
    assert answer.reply.result == b"git.log: ran, git.push: kill_switch, git.tag: ran"
    await asyncio.sleep(0)
    attempt, outcome, deny = AuditAction.CALL_ATTEMPT, AuditAction.CALL_OUTCOME, AuditAction.CALL_DENY
    assert [(each.resource.name, each.action) for each in world.call_events()] == [
        ("git.log", attempt),
        ("git.log", outcome),
        ("git.push", deny),
        ("git.tag", attempt),
        ("git.tag", outcome),
    ]


async def test_who_may_use_less_than_two_tools_gets_the_answer_to_an_unknown_name():
    world = await World.build(EveryTool())
    for tool in ("git.push", "git.tag"):
        await world.kill(SwitchScope.TOOL, tool)
    assert world.catalog.own_tools(PRINCIPAL) == []
    stranger = replace(PRINCIPAL, user_id="nobody", key_id="k9")
    assert world.catalog.own_tools(stranger) == []


async def test_an_own_tool_answers_calls_alone_and_only_under_a_name_that_no_mcp_has():
    world = await World.build(EveryTool())
    for call in (_call(NAME, "tasks/get"), _call("broadcast__other"), _call("broadcast.each")):
        answer = await world.calls.call(call)
        assert isinstance(answer, Deny)
        assert answer.reason is Reason.UNKNOWN_TOOL
    assert world.downstreams.calls == []


async def test_a_refused_call_of_an_own_tool_is_recorded():
    world = await World.build(EveryTool())
    await world.kill(SwitchScope.EVERYONE, None)
    answer = await world.call(NAME)
    # The calls are refused one by one; a kind that prefers to be refused as a whole returns the denial.
    assert isinstance(answer, Answered)
    assert {event.action for event in world.call_events()} == {AuditAction.CALL_DENY}


async def test_while_the_policy_is_stale_an_own_tool_runs_nothing():
    world = await World.build(EveryTool())
    world.clock.advance(10)  # longer than a policy holds without being confirmed
    answer = await world.call(NAME)
    assert isinstance(answer, Deny)
    assert world.downstreams.calls == []


def test_the_beginning_of_the_names_of_own_tools_belongs_to_no_mcp():
    with pytest.raises(InvalidInputError, match="broadcast"):
        check_not_own("broadcast")
    assert check_not_own("broadcasts") == "broadcasts"
    keys = [("broadcast", "x"), ("plain", "broadcast__x")]
    found = published_names(keys, ["broadcast", "broadcast", "plain"], "__", {"plain"})
    assert found["plain", "broadcast__x"] == "plain__broadcast__x"
    assert found["broadcast", "x"].startswith("broadcast__x_")
