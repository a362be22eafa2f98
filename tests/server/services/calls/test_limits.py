"""Limits of calls: refused before anything ran, recorded, and never counted longer than a call runs."""

import asyncio
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.limits import LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import AuditUnavailableError, DownstreamTimeoutError
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.wording.refusals import refusal_text
from tests.conformance.store_samples import limit
from tests.fakes.downstream import text_reply
from tests.server.services.world import ROOT, World
from tests.server.worlds import PRINCIPAL


async def limited(**changes: Any) -> World:
    """Return a world with one limit."""
    world = await World.build()
    await set_limit(world, **changes)
    return world


async def set_limit(world: World, number: int = 1, **changes: Any) -> None:
    async with world.changes.open(ROOT) as change:
        await change.work.limits.add(limit(number, **changes))


def denied(answer: Answered | Deny) -> Deny:
    assert isinstance(answer, Deny)
    assert (answer.reason, answer.disclosed) == (Reason.LIMIT_EXCEEDED, True)
    return answer


async def test_a_call_too_many_is_refused_and_recorded_and_the_wait_is_told():
    world = await limited(value=6, burst=2)
    for _ in range(2):
        assert isinstance(await world.call(), Answered)
    deny = denied(await world.call())
    assert deny.limit is not None
    assert (deny.limit.name, deny.limit.wait_seconds) == ("limit-1", 10)
    assert len(world.downstreams.calls) == 2
    event = world.call_events()[-1]
    assert (event.action, event.outcome, event.reason) == (
        AuditAction.CALL_DENY,
        Outcome.DENIED,
        "limit_exceeded",
    )
    assert event.details == {"limit": "limit-1", "wait_seconds": 10}
    assert event.resource.name == "git.log"
    assert "'limit-1' allows 6 calls a minute" in refusal_text(deny, "git__log")
    assert "Wait 10 s" in refusal_text(deny, "git__log")
    world.clock.advance(10)
    await world.policy.refresh()
    assert isinstance(await world.call(), Answered)


async def test_a_limit_holds_for_the_next_call_and_its_removal_too():
    world = await World.build()
    assert isinstance(await world.call(), Answered)
    await set_limit(world, value=1, burst=1)
    assert isinstance(await world.call(), Answered)
    denied(await world.call())
    async with world.changes.open(ROOT) as change:
        await change.work.limits.remove("l1")
    assert isinstance(await world.call(), Answered)


async def test_each_user_has_calls_of_their_own():
    world = await limited(value=1, burst=1)
    assert isinstance(await world.call(), Answered)
    denied(await world.call())
    other = Principal(user_id="u2", user_name="bob", key_id="k2", key_name="x", session_id="s2")
    answer = await world.call(principal=other)
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.UNKNOWN_USER, "a call that is denied anyway says nothing of limits"


async def test_the_calls_of_a_day_come_back_at_midnight():
    world = await limited(measure=Measure.CALLS_PER_DAY, value=1, burst=None)
    assert isinstance(await world.call(), Answered)
    deny = denied(await world.call())
    assert deny.limit is not None
    assert deny.limit.wait_seconds == 86400
    world.clock.advance(86400)
    await world.policy.refresh()
    assert isinstance(await world.call(), Answered)


@pytest.mark.parametrize("end", ["answer", "error", "cancel", "kill", "no audit"])
async def test_a_call_leaves_its_limits_however_it_ends(end: str):
    world = await limited(measure=Measure.IN_FLIGHT, value=1, burst=None)
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    assert denied(await world.call()).limit is not None
    match end:
        case "answer":
            world.script.gate.set()
            assert isinstance(await task, Answered)
        case "error":
            world.script.error = DownstreamTimeoutError("late")
            world.script.gate.set()
            with pytest.raises(DownstreamTimeoutError):
                await task
            world.script.error = None
        case "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        case "kill":
            switch_id = await world.kill(SwitchScope.USER, "alice")
            assert isinstance(await task, Deny)
            await world.switches.lift(ROOT, switch_id)
        case _:
            world.script.gate.set()
            await task
            world.log.break_down()
            with pytest.raises(AuditUnavailableError):
                await world.call()
            world.log.mend()
    world.script.gate = None
    assert isinstance(await world.call(), Answered)


async def test_arguments_and_results_have_a_size():
    world = await limited(measure=Measure.ARGUMENT_BYTES, value=20, burst=None)
    assert isinstance(await world.call(arguments=b'{"a":"1234567890"}'), Answered)
    deny = denied(await world.call(arguments=b'{"a":"12345678901234567890"}'))
    assert "allows arguments of 20 bytes" in refusal_text(deny, "git__log")
    assert world.call_events()[-1].details == {"limit": "limit-1"}
    assert len(world.downstreams.calls) == 1
    await set_limit(world, 2, measure=Measure.RESULT_BYTES, value=100, burst=None)
    assert isinstance(await world.call(), Answered)
    world.script.handler = lambda _, __: text_reply("x" * 200)
    deny = denied(await world.call())
    assert "The call has run" in refusal_text(deny, "git__log")
    await asyncio.sleep(0)
    assert [each.action for each in world.call_events()[-2:]] == [
        AuditAction.CALL_ATTEMPT,
        AuditAction.CALL_DENY,
    ]


async def test_a_limit_of_a_tool_leaves_the_other_tools_alone():
    world = await limited(scope=LimitScope.TOOL, target="git.log", value=1, burst=1)
    assert isinstance(await world.call("git__log"), Answered)
    denied(await world.call("git__log"))
    assert isinstance(await world.call("git__push"), Answered)
    assert PRINCIPAL.user_id == "u1"
