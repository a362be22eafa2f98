"""Broadcasts: who gets them, what each target answers, and how those that fail are named."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Broadcast, Mcp, Tool, classify_tool
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.mcp.target_answers import WORDING
from ambassador_server.ports.exchange import Question, Reply
from ambassador_server.services.calls.broadcasts import BroadcastBounds, Broadcasts
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.list_changes import ListChanges, ListListener
from tests.fakes.clock import ManualClock
from tests.fakes.downstream import Script, text_reply
from tests.patience import PATIENCE
from tests.server.services.world import World
from tests.server.worlds import GRANT, MCP, PRINCIPAL

SEARCH = "broadcast__search"
BY_TAG = "broadcast__by_tag__elk-logs"
QUERY = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}


def tool(name: str, schema: dict[str, Any] | None = None, **annotations: bool) -> Tool:
    hints = annotations or {"readOnlyHint": True}
    definition = {"name": name, "inputSchema": schema or QUERY, "annotations": hints}
    encoded = json.dumps(definition).encode()
    return Tool(
        name=name,
        description=f"Does {name}",
        tool_class=classify_tool(hints),
        definition=encoded,
        digest=definition_digest(encoded),
    )


async def world_of(
    bounds: BroadcastBounds | None = None, *, mode: Broadcast = Broadcast.READ_ONLY, **tools: tuple[Tool, ...]
) -> World:
    """Return a world in which MCPs of these names broadcast, each granted to the user."""
    clock = ManualClock()
    broadcasts = Broadcasts(separator="__", bounds=bounds or BroadcastBounds(), wording=WORDING, clock=clock)
    world = await World.build(broadcasts)
    async with world.store.write() as work:
        for name in tools:
            await work.mcps.add(entry(name, mode))
            await work.grants.add(replace(GRANT, grant_id=f"permit-{name}", mcp_id=name))
    for name, offered in tools.items():
        world.downstreams.script(name, *offered)
    await world.policy.refresh()
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    return world


def entry(name: str, mode: Broadcast) -> Mcp:
    return replace(MCP, mcp_id=name, name=name, broadcast=mode, tags=("elk-logs",))


async def three(bounds: BroadcastBounds | None = None) -> World:
    return await world_of(bounds, east=(tool("search"),), north=(tool("search"),), west=(tool("search"),))


async def called(world: World, name: str = SEARCH, **arguments: Any) -> dict[str, Any]:
    answer = await world.call(name, json.dumps(arguments).encode())
    assert isinstance(answer, Answered), answer
    found: dict[str, Any] = json.loads(answer.reply.result or b"")
    return found


async def outcome(world: World, **arguments: Any) -> dict[str, Any]:
    given = {"arguments": {"query": "x"}, **arguments}
    found: dict[str, Any] = (await called(world, **given))["structuredContent"]
    return found


async def all_run(world: World) -> None:
    """Give the event loop turns until each of three targets has its call."""
    for _ in range(1000):
        if len(world.downstreams.calls) == 3:
            return
        await asyncio.sleep(0)
    raise AssertionError("not every target was called")


def listed(world: World) -> list[str]:
    return [each.published for each in world.catalog.own_tools(PRINCIPAL)]


def script(world: World, name: str) -> Script:
    return world.downstreams.scripts[name]


async def test_one_call_goes_to_every_target_with_records_of_its_own():
    world = await three()
    assert listed(world) == [SEARCH, BY_TAG]
    found = await outcome(world)
    assert (found["total_servers"], found["successful"], found["failed"]) == (3, 3, 0)
    assert found["results"]["east"] == {"content": [{"type": "text", "text": '{"query": "x"}'}]}
    assert {each.mcp_name for each in world.downstreams.calls} == {"east", "north", "west"}
    await asyncio.sleep(0)
    actions = sorted((each.resource.name or "", each.action) for each in world.call_events())
    assert actions == [
        (f"{mcp}.search", action)
        for mcp in ("east", "north", "west")
        for action in (AuditAction.CALL_ATTEMPT, AuditAction.CALL_OUTCOME)
    ]
    assert {each.request_id for each in world.call_events()} == {"request-1"}


async def test_targets_are_called_at_the_same_time():
    world = await three()
    gates = [asyncio.Event() for _ in range(3)]
    for gate, name in zip(gates, ("east", "north", "west"), strict=True):
        script(world, name).gate = gate
    task = asyncio.create_task(outcome(world))
    await all_run(world)
    for gate in gates:
        gate.set()
    assert (await task)["successful"] == 3


async def test_no_more_run_at_once_than_the_bound():
    world = await three(BroadcastBounds(at_once=1))
    gate = script(world, "east").gate = asyncio.Event()
    task = asyncio.create_task(outcome(world))
    await world.downstreams.called.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert [each.mcp_name for each in world.downstreams.calls] == ["east"]
    gate.set()
    assert (await task)["successful"] == 3


async def test_a_target_whose_turn_comes_after_it_left_is_not_called():
    world = await three(BroadcastBounds(at_once=1))
    gate = script(world, "east").gate = asyncio.Event()
    task = asyncio.create_task(outcome(world))
    await world.downstreams.called.wait()
    async with world.store.write() as work:
        await work.mcps.replace(entry("north", Broadcast.OFF))
    await world.policy.refresh()
    world.downstreams.script("west", tool("search", destructiveHint=True))
    gate.set()
    found = await task
    assert found["errors"] == {
        name: f"{name}__search has changed meanwhile: call again" for name in ("north", "west")
    }
    assert [each.mcp_name for each in world.downstreams.calls] == ["east"]


async def test_each_failure_is_named_in_the_words_of_a_direct_call():
    world = await three()
    script(world, "east").error = DownstreamUnavailableError("east is away")
    script(world, "north").handler = lambda *_: text_reply("no index", is_error=True)
    await world.kill(SwitchScope.MCP, "west", "maintenance")
    found = await called(world, arguments={"query": "x"})
    assert found["isError"] is True
    structured = found["structuredContent"]
    assert structured["errors"] == {
        "east": "east is away",
        "north": "no index",
        "west": "west__search is stopped by an administrator: maintenance",
    }
    assert structured["reasons"] == {
        "east": "downstream_unavailable",
        "north": "failed",
        "west": "kill_switch",
    }
    text = found["content"][0]["text"]
    assert "[east] ERROR: east is away" in text


async def test_one_answer_makes_it_a_success():
    world = await three()
    for name in ("east", "north"):
        script(world, name).error = DownstreamUnavailableError("away")
    found = await called(world, arguments={"query": "x"})
    assert found["isError"] is False
    assert list(found["structuredContent"]["results"]) == ["west"]


async def test_a_hidden_target_shows_nowhere():
    world = await three()
    async with world.store.write() as work:
        await work.grants.add(
            replace(GRANT, grant_id="deny", mcp_id="west", patterns=("west.*",), effect=Effect.DENY)
        )
    await world.policy.refresh()
    (entry_, _) = world.catalog.own_tools(PRINCIPAL)
    assert b"west" not in entry_.definition
    found = await called(world, arguments={"query": "x"})
    assert "west" not in json.dumps(found)
    for name in ("west", "nothing"):
        refused = await called(world, arguments={"query": "x"}, servers=[name])
        text = refused["content"][0]["text"]
        assert text.startswith(f"{name!r} is no target of this broadcast")
        assert text.endswith("; targets: east, north")


async def test_with_one_target_left_there_is_no_broadcast():
    world = await world_of(east=(tool("search"),), west=(tool("search"),))
    async with world.store.write() as work:
        await work.grants.remove("permit-west")
    await world.policy.refresh()
    assert listed(world) == []
    answer = await world.call(SEARCH)
    assert isinstance(answer, Deny)
    assert (answer.reason, answer.disclosed) == (Reason.UNKNOWN_TOOL, False)
    assert world.downstreams.calls == []


async def test_a_stopped_user_is_refused_as_a_whole_and_a_stranger_learns_nothing():
    world = await three()
    await world.kill(SwitchScope.USER, "alice", "asked for")
    answer = await world.call(SEARCH)
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.KILL_SWITCH
    assert listed(world) == []


async def test_only_tools_that_read_are_broadcast_unless_all_are_allowed():
    pushes = {name: (tool("push", destructiveHint=True),) for name in ("east", "west")}
    assert listed(await world_of(**pushes)) == []
    world = await world_of(mode=Broadcast.ALL, **pushes)
    (each, _) = world.catalog.own_tools(PRINCIPAL)
    assert each.published == "broadcast__push"
    assert json.loads(each.definition)["annotations"] == {"readOnlyHint": False, "destructiveHint": True}
    assert listed(await world_of(mode=Broadcast.OFF, **pushes)) == []


async def test_tools_with_other_arguments_take_no_part_and_arguments_of_some_are_refused():
    more = {**QUERY, "properties": {**QUERY["properties"], "limit": {"type": "integer"}}}
    other = {"type": "object", "properties": {"pattern": {"type": "string"}}, "required": ["pattern"]}
    world = await world_of(
        east=(tool("search"),), north=(tool("search", more),), west=(tool("search", other),)
    )
    (each, _) = world.catalog.own_tools(PRINCIPAL)
    schema = json.loads(each.definition)["inputSchema"]
    assert schema["properties"]["servers"]["items"]["enum"] == ["east", "north"]
    assert list(schema["properties"]["arguments"]["properties"]) == ["query"]
    found = await called(world, arguments={"query": "x", "limit": 3})
    assert found["content"][0]["text"] == (
        "Not all targets take the argument 'limit' alike: call the tools one by one"
    )
    assert world.downstreams.calls == []
    index = world.catalog.index()
    known = Broadcasts(separator="__", bounds=BroadcastBounds(), wording=WORDING, clock=ManualClock()).index(
        index
    )
    west = next(each for each in index.tools if each.mcp_name == "west")
    assert known.participation(index.mcps["west"], west.tool).reason == (
        "others take these arguments otherwise: pattern, query"
    )


async def test_tools_that_cannot_be_called_alike_are_no_broadcast_for_callers_either():
    led = {"type": "object", "properties": {"query": {"$ref": "#/properties/other"}}}
    other = {"type": "object", "properties": {"pattern": {"type": "string"}}, "required": ["pattern"]}
    for first, second in ((led, led), (QUERY, other)):
        world = await world_of(east=(tool("search", first),), west=(tool("search", second),))
        assert listed(world) == []
        for name in (SEARCH, BY_TAG):
            answer = await world.call(name, b'{"tool_name": "search"}')
            assert isinstance(answer, Deny)
            assert answer.reason is Reason.UNKNOWN_TOOL
        assert world.downstreams.calls == []


async def test_invalid_arguments_run_nothing():
    world = await three()
    cases = {
        '{"argument": {}}': "unknown field",
        '{"arguments": []}': "must be an object",
        '{"servers": []}': "is empty",
        '{"servers": ["eats"]}': "near: 'east'",
        '{"tool_name": "search"}': "by tag",
        "{": "not valid",
    }
    for raw, text in cases.items():
        answer = await world.call(SEARCH, raw.encode())
        assert isinstance(answer, Answered)
        found = json.loads(answer.reply.result or b"")
        assert found["isError"] is True
        assert text in found["content"][0]["text"]
    for given, text in (({}, "is missing"), ({"tool_name": "serch"}, "near: 'search'")):
        assert text in (await called(world, BY_TAG, **given))["content"][0]["text"]
    assert world.downstreams.calls == []


async def test_a_broadcast_by_tag_is_found_under_both_spellings():
    world = await three()
    for name in (BY_TAG, "broadcast__by_tag__elk_logs"):
        found = await called(world, name, tool_name="search", arguments={"query": "x"}, servers=["west"])
        assert list(found["structuredContent"]["results"]) == ["west"]


async def test_a_target_cannot_ask_and_a_result_that_is_not_final_has_failed():
    world = await three()
    script(world, "east").questions = (Question("elicitation/create", b"{}"),)
    asked = json.dumps({"resultType": "input_required", "inputRequests": {}}).encode()
    script(world, "west").handler = lambda *_: Reply(result=asked, error=None)
    found = await outcome(world)
    assert "call west__search" in found["errors"]["west"]
    answers = json.dumps([each.error.decode() for each in world.downstreams.answers if each.error])
    assert "during which elicitation/create is not possible" in answers


async def test_a_target_that_is_too_slow_ends_with_the_broadcast():
    world = await three(BroadcastBounds(seconds=0.1))
    script(world, "east").gate = asyncio.Event()
    found = await outcome(world)
    assert found["reasons"] == {"east": "downstream_timeout"}
    assert sorted(found["results"]) == ["north", "west"]
    assert world.in_flight.running() == ()


async def test_the_cancelled_broadcast_cancels_every_call():
    world = await three()
    for name in ("east", "north", "west"):
        script(world, name).gate = asyncio.Event()
    task = asyncio.create_task(outcome(world))
    await all_run(world)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert len(world.downstreams.cancelled) == 3
    assert world.in_flight.running() == ()


async def test_a_switch_stops_one_running_call_and_not_the_others():
    world = await three()
    gate = asyncio.Event()
    for name in ("east", "north", "west"):
        script(world, name).gate = gate
    task = asyncio.create_task(outcome(world))
    await all_run(world)
    await world.kill(SwitchScope.MCP, "east")
    gate.set()
    found = await task
    assert found["reasons"] == {"east": "kill_switch"}
    assert found["successful"] == 2


async def test_an_answer_that_is_no_text_does_not_spoil_the_others():
    world = await three()
    east, north = (script(world, name) for name in ("east", "north"))
    east.handler = lambda *_: Reply(b'{"content": [], "structuredContent": {"a": "\xff"}}', None)
    north.handler = lambda *_: Reply(
        b'{"content": [], "structuredContent": ' + b"[" * 2000 + b"]" * 2000 + b"}", None
    )
    found = await outcome(world)
    assert found["errors"]["east"] == "The answer of the MCP cannot be read"
    assert list(found["results"]) == ["west"]


async def test_a_listener_learns_that_an_mcp_begins_to_broadcast():
    world = await world_of(east=(tool("search"),), north=(tool("search"),), west=(tool("search"),))
    changes = ListChanges(
        policy=world.policy,
        catalog=world.catalog,
        downstreams=world.downstreams,
        session_is_open=lambda _: True,
        debounce_seconds=0.0,
    )
    heard = asyncio.Event()
    listener = ListListener(PRINCIPAL, (CapabilityKind.TOOL,), lambda _: heard.set(), lambda: None)
    await changes.listen(listener)
    async with world.store.write() as work:
        await work.mcps.replace(entry("west", Broadcast.OFF))
    await world.policy.refresh()
    async with asyncio.timeout(PATIENCE):
        await heard.wait()


async def test_no_more_names_are_broadcast_than_a_host_can_read():
    many = tuple(tool(f"tool_{number:03}") for number in range(210))
    world = await world_of(east=many, west=many)
    assert len(listed(world)) == 201
    known = Broadcasts(separator="__", bounds=BroadcastBounds(), wording=WORDING, clock=ManualClock()).index(
        world.catalog.index()
    )
    reason = known.participation(known.index.mcps["west"], many[-1]).reason
    assert reason == "200 names of tools are broadcast, and no more"


async def test_a_large_answer_is_cut_with_a_mark():
    world = await three(BroadcastBounds(result_bytes=65536))
    script(world, "east").handler = lambda *_: text_reply("x" * 100_000)
    answer = await world.call(SEARCH, b'{"arguments": {"query": "x"}}')
    assert isinstance(answer, Answered)
    raw = answer.reply.result or b""
    assert len(raw) <= 65536
    found = json.loads(raw)["structuredContent"]
    assert list(found["truncated"]) == ["east"]
    assert found["results"]["east"]["content"][0]["text"].endswith(" bytes]")
    assert found["results"]["west"] == {"content": [{"type": "text", "text": '{"query": "x"}'}]}
