"""The pipeline of a call: decided, recorded, forwarded, recorded, and refused whenever one of them fails."""

import asyncio
import json
from dataclasses import replace

import pytest

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import (
    AuditUnavailableError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    ServerStoppingError,
    StorageError,
)
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.wording.refusals import refusal_text
from tests.fakes.downstream import error_reply, text_reply
from tests.server.services.world import ROOT, World
from tests.server.worlds import GRANT, PRINCIPAL, USER

ATTEMPT, OUTCOME, DENY = AuditAction.CALL_ATTEMPT, AuditAction.CALL_OUTCOME, AuditAction.CALL_DENY


async def actions(world: World) -> list[AuditAction]:
    await asyncio.sleep(0)  # records that nobody waited for are written at the end of this turn
    return [event.action for event in world.call_events()]


async def test_a_permitted_call_reaches_its_downstream_and_leaves_two_records():
    world = await World.build()
    answer = await world.call(arguments=b'{"n": 1.0, "big": 12345678901234567890123}')
    assert isinstance(answer, Answered)
    assert world.downstreams.calls[0].params == (
        b'{"name":"log","arguments":{"n": 1.0, "big": 12345678901234567890123}}'
    )
    assert await actions(world) == [ATTEMPT, OUTCOME]
    attempt, outcome = world.call_events()
    assert (attempt.actor.name, attempt.actor.key_name, attempt.session_id) == ("alice", "laptop", "s1")
    assert (attempt.resource.name, attempt.request_id, attempt.source) == (
        "git.log",
        "request-1",
        "127.0.0.1",
    )
    assert outcome.outcome is Outcome.SUCCEEDED
    assert outcome.details["result_bytes"] == len(answer.reply.result or b"")


async def test_an_answer_has_its_outcome_in_the_log_before_the_caller_gets_it():
    """No turn of the event loop lies between: the process may be killed as soon as the caller has the answer."""
    world = await World.build()
    await world.call()
    assert [event.action for event in world.call_events()] == [ATTEMPT, OUTCOME]
    world.script.error = DownstreamTimeoutError("late")
    with pytest.raises(DownstreamTimeoutError):
        await world.call()
    assert [event.action for event in world.call_events()] == [ATTEMPT, OUTCOME] * 2


async def test_an_answer_is_given_even_if_the_log_fails_after_the_attempt():
    world = await World.build()
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    world.log.break_down()
    world.script.gate.set()
    assert isinstance(await task, Answered)


async def test_a_request_that_is_read_while_its_session_ends_is_refused():
    world = await World.build()
    world.in_flight.end_session("s1")
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.SESSION_ENDED
    assert await actions(world) == [DENY]
    assert world.downstreams.calls == []


@pytest.mark.parametrize("name", ["git__log", "git.log", "git:log"])
async def test_a_tool_answers_to_each_of_its_names(name: str):
    world = await World.build()
    assert isinstance(await world.call(name), Answered)


@pytest.mark.parametrize(
    "name", ["log", "git__", "git__lo", "", "git__log ", "GIT__LOG", "x" * 10_000, "a\nb"]
)
async def test_an_unknown_tool_is_refused_and_recorded_briefly(name: str):
    world = await World.build()
    answer = await world.call(name)
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.UNKNOWN_TOOL
    assert await actions(world) == [DENY]
    assert len(world.call_events()[0].resource.name or "") <= 256
    assert world.downstreams.calls == []


async def test_a_tool_without_a_grant_answers_exactly_like_an_unknown_one():
    world = await World.build()
    async with world.changes.open(ROOT) as change:
        await change.work.grants.remove(GRANT.grant_id)
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert refusal_text(answer, "git__log") == "Unknown tool: git__log"
    assert world.call_events()[0].reason == Reason.NO_GRANT


async def test_the_call_is_refused_when_the_log_cannot_take_the_attempt():
    world = await World.build()
    world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await world.call()
    assert world.downstreams.calls == []
    world.log.mend()
    assert isinstance(await world.call(), Answered)


async def test_the_attempt_is_written_before_the_downstream_sees_the_call():
    world = await World.build()
    seen: list[list[AuditAction]] = []

    def handler(_: str, __: dict[str, object]):
        seen.append([event.action for event in world.call_events()])
        return text_reply("ok")

    world.script.handler = handler
    await world.call()
    assert seen == [[ATTEMPT]]


async def test_a_failing_tool_is_recorded_as_failed():
    world = await World.build()
    world.script.handler = lambda *_: text_reply("no", is_error=True)
    await world.call()
    world.script.handler = lambda *_: error_reply(-32000, "no")
    await world.call()
    assert await actions(world) == [ATTEMPT, OUTCOME] * 2
    assert {event.outcome for event in world.call_events() if event.action is OUTCOME} == {Outcome.FAILED}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DownstreamUnavailableError("gone"), "downstream_unavailable"),
        (DownstreamTimeoutError("late"), "downstream_timeout"),
    ],
)
async def test_a_lost_downstream_is_recorded_and_raised(error: Exception, reason: str):
    world = await World.build()
    world.script.error = error  # type: ignore[assignment] # one of our errors
    with pytest.raises(type(error)):
        await world.call()
    assert await actions(world) == [ATTEMPT, OUTCOME]
    assert world.call_events()[-1].reason == reason


async def test_a_caller_who_goes_away_cancels_the_downstream_and_is_recorded():
    world = await World.build()
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(world.downstreams.cancelled) == 1
    assert await actions(world) == [ATTEMPT, OUTCOME]
    assert world.call_events()[-1].reason == "cancelled"
    assert len(world.in_flight) == 0


async def test_a_call_that_the_shutdown_cuts_is_told_so_and_is_recorded_and_no_other_begins():
    world = await World.build()
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    world.in_flight.cut()
    with pytest.raises(ServerStoppingError, match="may have run"):
        await task
    assert task.cancelling() == 0
    assert len(world.downstreams.cancelled) == 1
    with pytest.raises(ServerStoppingError):
        await world.call()
    assert await actions(world) == [ATTEMPT, OUTCOME]
    assert world.call_events()[-1].reason == "server_stopping"


async def test_a_kill_switch_stops_the_next_call_with_its_message_and_lifting_lets_it_through():
    world = await World.build()
    switch_id = await world.kill(SwitchScope.MCP, "git", message="Use the mirror until noon")
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.KILL_SWITCH
    assert "Use the mirror until noon" in refusal_text(answer, "git__log")
    await world.switches.lift(ROOT, switch_id)
    assert isinstance(await world.call(), Answered)


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (SwitchScope.EVERYONE, None),
        (SwitchScope.USER, "alice"),
        (SwitchScope.GROUP, "developers"),
        (SwitchScope.KEY, "k1"),
        (SwitchScope.MCP, "git"),
        (SwitchScope.TOOL, "git__log"),
        (SwitchScope.TOOL, "git.log"),
        (SwitchScope.TOOL_CLASS, "read-only"),
    ],
)
async def test_a_kill_switch_cancels_the_call_that_is_running(scope: SwitchScope, target: str | None):
    world = await World.build()
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    await world.kill(scope, target)
    answer = await task
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.KILL_SWITCH
    assert len(world.downstreams.cancelled) == 1
    assert await actions(world) == [ATTEMPT, DENY]
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr] # a test runs in a task


async def test_a_stopped_call_whose_caller_leaves_at_that_very_moment_is_recorded_too():
    world = await World.build()
    world.script.gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    world.policy.subscribe(lambda _: task.cancel())
    await world.kill(SwitchScope.EVERYONE, None)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await actions(world) == [ATTEMPT, OUTCOME]
    assert world.call_events()[-1].reason == "cancelled"


async def test_a_kill_switch_leaves_running_calls_of_others_alone():
    world = await World.build()
    world.script.gate = gate = asyncio.Event()
    task = asyncio.create_task(world.call())
    await world.downstreams.called.wait()
    await world.kill(SwitchScope.TOOL, "git.push")
    gate.set()
    assert isinstance(await task, Answered)


async def test_a_suspended_user_is_refused_on_the_very_next_call():
    world = await World.build()
    async with world.changes.open(ROOT) as change:
        await change.work.users.replace(replace(USER, status=UserStatus.SUSPENDED))
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.USER_NOT_ACTIVE


async def test_a_policy_that_nobody_confirmed_for_five_seconds_permits_nothing():
    world = await World.build()
    world.clock.advance(5.1)
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.POLICY_STALE
    await world.policy.refresh()
    assert isinstance(await world.call(), Answered)


async def test_the_list_shows_just_what_may_be_called():
    world = await World.build()
    shown = [entry.published for entry in world.catalog.visible(PRINCIPAL)]
    assert shown == ["git__log", "git__push", "git__tag"]
    await world.kill(SwitchScope.TOOL_CLASS, "destructive")
    assert [entry.published for entry in world.catalog.visible(PRINCIPAL)] == ["git__log", "git__tag"]
    await world.kill(SwitchScope.USER, "alice")
    assert world.catalog.visible(PRINCIPAL) == []


async def test_secrets_in_arguments_are_not_recorded():
    world = await World.build()
    await world.call(arguments=b'{"password": "hunter2hunter2", "query": "ok"}')
    recorded = json.dumps(world.call_events()[0].details, default=str)
    assert "hunter2" not in recorded
    assert "ok" in recorded


async def test_a_change_whose_commit_fails_is_recorded_as_failed_and_changes_nothing():
    world = await World.build()

    async def change_and_fail() -> None:
        async with world.changes.open(ROOT) as change:
            await change.work.grants.remove(GRANT.grant_id)
            raise StorageError("disk on fire")

    with pytest.raises(StorageError):
        await change_and_fail()
    assert isinstance(await world.call(), Answered)


async def test_a_change_that_cannot_be_recorded_does_not_happen():
    world = await World.build()
    world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await world.kill(SwitchScope.MCP, "git")
    world.log.mend()
    assert isinstance(await world.call(), Answered)
