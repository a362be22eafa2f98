"""Calls that need the approval of another person: asked once, bound to the call and to what demands it, used once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestStatus
from ambassador_server.domain.policy.decision import ApprovalFault, Deny, Reason
from ambassador_server.domain.policy.grants import Effect, Grant
from ambassador_server.domain.policy.limits import Limit, LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.wording.refusals import refusal_text
from tests.fakes.clock import START
from tests.patience import PATIENCE
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import GRANT, KEY, MCP, PRINCIPAL, USER

ALICE = Requester(None, ORIGIN, user_actor(PRINCIPAL))
PUSH = "git__push"
MAIN = b'{"branch":"main","n":1}'


async def build(*more: Grant, hold_seconds: float = 0, **changes: Any) -> World:
    """Return a world in which every call of git needs an approval, unless another grant permits it."""
    world = await World.build(hold_seconds=hold_seconds)
    await put(world, replace(GRANT, **{"approval_seconds": 600, **changes}))
    async with world.store.write() as work:
        for grant in more:
            await work.grants.add(grant)
    await world.policy.refresh()
    return world


async def put(world: World, grant: Grant) -> None:
    async with world.store.write() as work:
        await work.grants.replace(grant)
    await world.policy.refresh()


def lacking(answer: Answered | Deny) -> ApprovalFault:
    assert isinstance(answer, Deny)
    assert answer.approval is not None
    assert answer.disclosed
    return answer.approval.fault


async def waiting(world: World) -> list[ApprovalRequest]:
    async with world.store.read() as work:
        return [each for each in await work.requests.all() if each.status is RequestStatus.PENDING]


async def decide(world: World, *, approve: bool = True, reason: str | None = None) -> ApprovalRequest:
    (request,) = await waiting(world)
    return await world.requests.decide(ROOT, request.request_id, approve=approve, reason=reason)


async def held(world: World, number: int = 1) -> list[asyncio.Task[Answered | Deny]]:
    """Begin calls, and return them when they have asked for an approval."""
    asked = asyncio.Event()
    world.requests.on_move.append(lambda _: asked.set())
    calls = [asyncio.create_task(world.call(PUSH, MAIN)) for _ in range(number)]
    await asked.wait()
    return calls


async def test_call_is_refused_and_runs_once_after_the_approval():
    world = await build()
    refused = await world.call(PUSH, MAIN)
    assert isinstance(refused, Deny)
    assert (refused.reason, lacking(refused)) == (Reason.APPROVAL_PENDING, ApprovalFault.PENDING)
    assert world.downstreams.calls == []
    await decide(world)
    assert isinstance(await world.call(PUSH, MAIN), Answered)
    assert lacking(await world.call(PUSH, MAIN)) is ApprovalFault.PENDING
    assert len(world.downstreams.calls) == 1


async def test_each_step_is_recorded_before_its_effect():
    world = await build()
    await world.call(PUSH, MAIN)
    request = await decide(world)
    await world.call(PUSH, MAIN)
    assert [event.action for event in world.log.events] == [
        AuditAction.REQUEST_ASK,
        AuditAction.CALL_DENY,
        AuditAction.REQUEST_APPROVE,
        AuditAction.REQUEST_USE,
        AuditAction.CALL_ATTEMPT,
        AuditAction.CALL_OUTCOME,
    ]
    _, denied, _, _, attempt, _ = world.log.events
    assert denied.details["approval_request"] == request.request_id
    assert attempt.details["approval_request"] == request.request_id


async def test_pending_call_is_asked_for_once():
    world = await build()
    for _ in range(3):
        await world.call(PUSH, MAIN)
    assert len(await waiting(world)) == 1


@pytest.mark.parametrize(
    "same", [b'{ "n": 1, "branch": "main" }', b'{"branch":"ma\\u0069n","n":1}'], ids=["order", "escape"]
)
async def test_the_same_call_may_be_written_in_another_way(same: bytes):
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    assert isinstance(await world.call(PUSH, same), Answered)


@pytest.mark.parametrize(
    "other",
    [
        b'{"branch":"main","n":2}',
        b'{"branch":"main","n":1.0}',
        b'{"branch":"main","n":"1"}',
        b'{"branch":"main","n":1,"n":1}',
        b'{"branch":"main","n":1,"force":true}',
        b'{"branch":"main"}',
        b"{}",
    ],
)
async def test_approval_serves_no_other_arguments(other: bytes):
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    assert lacking(await world.call(PUSH, other)) is ApprovalFault.PENDING
    assert world.downstreams.calls == []


async def test_approval_serves_no_other_tool():
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    assert lacking(await world.call("git__tag", MAIN)) is ApprovalFault.PENDING


async def test_approval_serves_no_other_user_and_no_other_key():
    world = await build()
    async with world.store.write() as work:
        await work.users.add(replace(USER, user_id="u2", name="bob"))
        await work.memberships.add(Membership(user_id="u2", group_id="g1"))
        await work.keys.add(replace(KEY, key_id="k2", user_id="u2"))
        await work.keys.add(replace(KEY, key_id="k3"))
    await world.policy.refresh()
    await world.call(PUSH, MAIN)
    await decide(world)
    bob = Principal(user_id="u2", user_name="bob", key_id="k2", key_name="desk", session_id="s2")
    for other in (
        bob,
        Principal(user_id="u1", user_name="alice", key_id="k3", key_name="x", session_id="s3"),
    ):
        assert lacking(await world.call(PUSH, MAIN, other)) is ApprovalFault.PENDING
    assert world.downstreams.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {"patterns": ("git.push",)},
        {"approval_seconds": 60},
        {"approvers": "g1"},
        {"expires_at": START + timedelta(days=1)},
        {"constraints": '{"n":{"maximum":5}}'},
    ],
)
async def test_approval_does_not_serve_after_the_grant_has_changed(changes: dict[str, Any]):
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    await put(world, replace(GRANT, **{"approval_seconds": 600, **changes}))
    assert lacking(await world.call(PUSH, MAIN)) is ApprovalFault.PENDING
    assert world.downstreams.calls == []


async def test_approval_does_not_serve_after_the_connection_of_the_mcp_has_changed():
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    async with world.store.write() as work:
        await work.mcps.replace(replace(MCP, options={"command": ["other-server"]}))
    await world.policy.refresh()
    assert lacking(await world.call(PUSH, MAIN)) is ApprovalFault.PENDING


async def test_approval_serves_after_a_change_that_is_about_something_else():
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    async with world.store.write() as work:
        await work.users.add(replace(USER, user_id="u2", name="bob"))
        await work.mcps.replace(replace(MCP, description="Another text"))
    await world.policy.refresh()
    assert isinstance(await world.call(PUSH, MAIN), Answered)


async def test_kill_switch_wins_over_an_approval_which_is_not_used_up():
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    switch = await world.kill(SwitchScope.MCP, "git")
    stopped = await world.call(PUSH, MAIN)
    assert isinstance(stopped, Deny)
    assert stopped.reason is Reason.KILL_SWITCH
    await world.switches.lift(ROOT, switch)
    assert isinstance(await world.call(PUSH, MAIN), Answered)


async def test_grant_without_approval_wins():
    world = await build(replace(GRANT, grant_id="plain", patterns=("git.push",)))
    assert isinstance(await world.call(PUSH, MAIN), Answered)
    assert lacking(await world.call("git__tag", MAIN)) is ApprovalFault.PENDING


async def test_grant_with_constraints_and_without_approval_wins_for_its_arguments():
    constrained = replace(GRANT, grant_id="few", constraints='{"n":{"maximum":5}}')
    world = await build(constrained)
    assert isinstance(await world.call(PUSH, b'{"n":5}'), Answered)
    assert lacking(await world.call(PUSH, b'{"n":6}')) is ApprovalFault.PENDING


async def test_arguments_that_no_grant_permits_are_asked_for_by_nobody():
    world = await build(constraints='{"n":{"maximum":5}}')
    refused = await world.call(PUSH, b'{"n":6}')
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.ARGUMENT_NOT_ALLOWED
    assert await waiting(world) == []
    assert lacking(await world.call(PUSH, b'{"n":5}')) is ApprovalFault.PENDING


async def test_deny_grant_wins_over_an_approval():
    world = await build()
    await world.call(PUSH, MAIN)
    await decide(world)
    async with world.store.write() as work:
        await work.grants.add(replace(GRANT, grant_id="no", effect=Effect.DENY))
    await world.policy.refresh()
    refused = await world.call(PUSH, MAIN)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.EXPLICIT_DENY


async def test_limit_counts_no_call_that_waits_for_an_approval_and_uses_none_up():
    world = await build()
    async with world.store.write() as work:
        await work.limits.add(
            Limit(
                limit_id="l1",
                name="one",
                scope=LimitScope.EVERYONE,
                target=None,
                target_name=None,
                measure=Measure.CALLS_PER_DAY,
                value=1,
                burst=None,
                owner=None,
                created_at=START,
                created_by="root",
                updated_at=START,
            )
        )
    await world.policy.refresh()
    await world.call(PUSH, MAIN)
    await decide(world)
    assert isinstance(await world.call(PUSH, MAIN), Answered)
    await world.call(PUSH, MAIN)
    second = await decide(world)
    refused = await world.call(PUSH, MAIN)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.LIMIT_EXCEEDED
    stored = await world.requests.get(second.request_id)
    assert stored is not None
    assert stored.status is RequestStatus.APPROVED


async def test_denial_tells_who_and_why():
    world = await build()
    await world.call(PUSH, MAIN)
    request = await decide(world, approve=False, reason="not on a Friday")
    refused = await world.call(PUSH, MAIN)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.APPROVAL_DENIED
    assert refusal_text(refused, PUSH) == (
        f"git__push is refused: root has denied request {request.request_id}: not on a Friday (approval_denied). Do "
        "not call again with these arguments."
    )


async def test_text_tells_what_to_do():
    world = await build(approvers="g1")
    refused = await world.call(PUSH, MAIN)
    (request,) = await waiting(world)
    assert isinstance(refused, Deny)
    assert refusal_text(refused, PUSH) == (
        "git__push is refused: it needs the approval of a member of group 'developers' (approval_pending). Request "
        f"{request.request_id} waits for the decision until 2026-01-01 01:00 UTC. When it is approved, call again with "
        "the same arguments within 10 minutes; an approval is good for one call. See: ambassador-client request list."
    )


async def test_approvers_see_what_the_audit_may_record():
    world = await build()
    for policy, seen in (
        (ArgumentPolicy.REDACTED, {"branch": "main", "password": "[redacted]"}),
        (ArgumentPolicy.KEYS, {"branch": "string", "password": "string"}),
        (ArgumentPolicy.NONE, None),
    ):
        async with world.store.write() as work:
            await work.mcps.replace(replace(MCP, arguments=policy))
        await world.policy.refresh()
        await world.call(PUSH, b'{"branch":"main","password":"hunter2","p":"%s"}'.replace(b',"p":"%s"', b""))
        (request,) = await waiting(world)
        assert request.content["arguments"] == seen
        await world.requests.cancel(ALICE, request.request_id, user_id="u1")


async def test_approvers_see_the_beginning_of_large_arguments_and_that_it_is_one():
    world = await build()
    async with world.store.write() as work:
        await work.mcps.replace(replace(MCP, arguments=ArgumentPolicy.FULL))
    await world.policy.refresh()
    await world.call(PUSH, b'{"text":"%s"}' % (b"x" * 100_000))
    (request,) = await waiting(world)
    assert request.content["is_cut"] is True
    assert len(request.content["arguments"]) == 16 * 1024
    assert request.content["arguments_bytes"] == 100_011


async def test_waiting_call_goes_on_as_soon_as_it_is_approved():
    world = await build(hold_seconds=PATIENCE)
    (call,) = await held(world)
    await decide(world)
    assert isinstance(await call, Answered)


async def test_waiting_call_ends_as_soon_as_it_is_denied():
    world = await build(hold_seconds=PATIENCE)
    (call,) = await held(world)
    await decide(world, approve=False)
    assert lacking(await call) is ApprovalFault.DENIED


async def test_kill_switch_stops_a_waiting_call():
    world = await build(hold_seconds=PATIENCE)
    (call,) = await held(world)
    await world.kill(SwitchScope.USER, "alice")
    stopped = await call
    assert isinstance(stopped, Deny)
    assert stopped.reason is Reason.KILL_SWITCH


async def test_of_two_calls_that_wait_for_one_approval_one_runs():
    world = await build(hold_seconds=PATIENCE)
    calls = await held(world, 2)
    await decide(world)
    answers = await asyncio.gather(*calls)
    assert sorted(isinstance(each, Answered) for each in answers) == [False, True]
    assert len(world.downstreams.calls) == 1


async def test_lists_show_what_needs_an_approval():
    world = await build()
    names = [entry.published for entry in world.catalog.visible(PRINCIPAL)]
    assert PUSH in names
