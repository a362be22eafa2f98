"""The metrics of a server: what moves them, which labels they have, and what they do without."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import AuditUnavailableError, DownstreamTimeoutError
from ambassador_server.services.audit.delivery import SinkStatus
from ambassador_server.services.monitoring.families import Distribution
from tests.effort import examples
from tests.fakes.downstream import error_reply, make_tool, text_reply
from tests.server.services.monitoring.metrics_world import Measured
from tests.server.worlds import MCP, PRINCIPAL

GATEWAY = "mcp_gateway_tools_"
LOG = ("log", "git")
SECRET = "ghp_" + "a1B2" * 9


def sink(name: str, **positions: int) -> SinkStatus:
    return SinkStatus(
        name=name,
        kind="webhook",
        positions=positions,
        behind=None,
        delivered=7,
        dead_letters=1,
        failures=2,
        last_success=None,
        last_error=None,
        last_error_at=None,
        anomaly=None,
    )


async def gateway(box: Measured) -> tuple[Any, ...]:
    """Return the three counts of mcp-gateway of the tool `log`."""
    return tuple(
        [(await box.values(GATEWAY + name)).get(LOG) for name in ("called", "call_success", "call_errors")]
    )


async def fail(box: Measured) -> None:
    with pytest.raises(DownstreamTimeoutError):
        await box.world.call()


async def test_each_end_of_a_call_moves_its_own_counts():
    box = await Measured.build()
    assert await gateway(box) == (None, None, None)
    await box.world.call()
    await box.world.call("git.log")
    assert await gateway(box) == (2, 2, 0)
    box.world.script.handler = lambda *_: text_reply("no", is_error=True)
    await box.world.call()
    box.world.script.handler = lambda *_: error_reply(-32000, "no")
    await box.world.call()
    box.world.script.error = DownstreamTimeoutError("too late")
    await fail(box)
    assert await gateway(box) == (5, 2, 3)
    assert await box.values("mcp_ambassador_tool_calls") == {
        ("git", "log", "succeeded"): 2,
        ("git", "log", "error"): 2,
        ("git", "log", "failed"): 1,
    }
    assert await box.values("mcp_ambassador_calls_failed") == {("git", "downstream_timeout"): 1}


async def test_a_denied_call_is_no_called_one():
    box = await Measured.build()
    await box.world.kill(SwitchScope.MCP, "git")
    await box.world.call()
    assert await gateway(box) == (0, 0, 0)
    assert await box.values("mcp_ambassador_tool_calls") == {("git", "log", "denied"): 1}
    assert await box.values("mcp_ambassador_calls_denied") == {("git", "kill_switch"): 1}
    assert await box.values("mcp_ambassador_kill_switches") == {(): 1}


async def test_durations_are_counted_by_outcome():
    box = await Measured.build()

    def slow(*_: object) -> Any:
        box.world.clock.advance(0.2)
        return text_reply("done")

    box.world.script.handler = slow
    await box.world.call()
    await box.world.call()
    ((labels, found),) = (await box.values("mcp_ambassador_call_duration_seconds")).items()
    assert isinstance(found, Distribution)
    assert labels == ("git", "succeeded")
    assert found.total == pytest.approx(0.4)
    assert found.counts[found.bounds.index(0.25)] == sum(found.counts) == 2


async def test_a_call_in_flight_is_shown_until_it_ends():
    box = await Measured.build()
    box.world.script.gate = gate = asyncio.Event()
    call = asyncio.create_task(box.world.call())
    for _ in range(100):
        await asyncio.sleep(0)
    assert box.world.downstreams.calls
    assert await box.values("mcp_ambassador_calls_in_flight") == {("git",): 1}
    gate.set()
    await call
    assert await box.values("mcp_ambassador_calls_in_flight") == {("git",): 0}


@given(
    names=st.lists(st.text(max_size=60) | st.sampled_from(["git__nope", "git.nope", "nope.log"]), max_size=20)
)
@examples(20)
def test_what_a_caller_makes_up_is_never_a_label(names: list[str]):
    asyncio.run(_make_up(names))


async def _make_up(names: list[str]) -> None:
    box = await Measured.build()
    for name in names:
        await box.world.call(f"x{name}")
    labels = await _labels(box)
    assert labels <= {"", "git", "unknown_tool", "stopped", "starting", "ready", "degraded", *McpStatus}
    denied = await box.values("mcp_ambassador_calls_denied")
    assert denied == ({("", "unknown_tool"): len(names)} if names else {})


async def _labels(box: Measured) -> set[str]:
    return {
        value for family in await box.metrics.families() for labels, _ in family.samples for value in labels
    }


async def test_users_keys_and_sessions_are_no_labels():
    box = await Measured.build()
    await box.world.call(arguments=b'{"text": "alice"}')
    known = {PRINCIPAL.user_id, PRINCIPAL.key_id, PRINCIPAL.session_id, "alice", "laptop", "developers", "m1"}
    assert not await _labels(box) & known


async def test_names_of_tools_are_masked_and_those_that_are_alike_then_are_added_up():
    box = await Measured.build()
    first, second = (f"get_{SECRET}{end}" for end in "12")
    box.world.downstreams.script(
        "git", make_tool(first, readOnlyHint=True), make_tool(second, readOnlyHint=True)
    )
    for name in (first, first, second):
        await box.world.call(f"git.{name}")
    found = await box.values(f"{GATEWAY}called")
    assert SECRET not in str(await _labels(box))
    assert sum(count for count in found.values() if isinstance(count, int)) == 3


async def test_a_tool_that_is_not_listed_any_more_has_no_series():
    box = await Measured.build()
    await box.world.call()
    box.world.downstreams.script("git", make_tool("tag"))
    assert await box.values(f"{GATEWAY}called") == {}
    box.world.downstreams.script("git", make_tool("log", readOnlyHint=True))
    assert await box.values(f"{GATEWAY}called") == {LOG: 1}


async def test_the_series_of_an_mcp_end_with_it():
    box = await Measured.build()
    await box.world.call()
    async with box.world.store.write() as work:
        await work.mcps.replace(replace(MCP, status=McpStatus.ARCHIVED))
    await box.world.policy.refresh()
    assert "git" not in await _labels(box)
    assert box.world.recorder.counts.mcps
    async with box.world.store.write() as work:
        await work.mcps.remove(MCP.mcp_id)
    await box.world.policy.refresh()
    assert not box.world.recorder.counts.mcps


async def test_the_state_of_a_downstream_is_one_of_its_words():
    box = await Measured.build()
    states = await box.values("mcp_ambassador_downstream_state")
    assert [state for (_, state), value in states.items() if value] == ["ready"]
    box.world.downstreams.lose("git")
    states = await box.values("mcp_ambassador_downstream_state")
    assert [state for (_, state), value in states.items() if value] == ["degraded"]


async def test_the_age_of_the_policy_grows_until_the_database_confirms_it():
    box = await Measured.build()
    box.world.clock.advance(7)
    assert await box.values("mcp_ambassador_policy_age_seconds") == {(): 7.0}
    assert await box.values("mcp_ambassador_policy_stale") == {(): 1}
    await box.world.policy.refresh()
    assert await box.values("mcp_ambassador_policy_age_seconds") == {(): 0.0}
    assert await box.values("mcp_ambassador_policy_stale") == {(): 0}


async def test_sinks_tell_how_far_they_are():
    box = await Measured.build()
    await box.world.call()
    written = box.world.log.queue().written_seq
    box.sinks = [sink("siem", main=1, other=5), sink("new")]
    assert await box.values("mcp_ambassador_audit_sink_behind_records") == {("siem",): written - 1}
    assert await box.values("mcp_ambassador_audit_sink_position") == {
        ("siem", "main"): 1,
        ("siem", "other"): 5,
    }
    assert await box.values("mcp_ambassador_audit_sink_dead_letters") == {("siem",): 1, ("new",): 1}


async def test_refusals_of_keys_and_a_broken_log_are_told():
    box = await Measured.build()
    box.refusals = {"calls_per_minute": 4}
    box.world.log.break_down()
    assert await box.values("mcp_ambassador_key_refusals") == {("calls_per_minute",): 4}
    assert await box.values("mcp_ambassador_audit_log_failing") == {(): 1}


async def test_nothing_asks_the_database():
    box = await Measured.build()
    box.world.store.answers.clear()
    assert await box.values("mcp_ambassador_sessions") == {(): 3}


async def test_logs_that_cannot_be_looked_at_hold_nothing_else_back():
    box = await Measured.build()
    box.index_failure = AuditUnavailableError("no")
    families = await box.families()
    assert "mcp_ambassador_audit_index_behind_records" not in families
    assert "mcp_ambassador_audit_queue_records" in families
