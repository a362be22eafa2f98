"""Running calls are decided again by their arguments when the constraints of their grants change."""

import asyncio
from dataclasses import replace
from typing import Any

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.transforms import ToolTransform, ToolTransforms
from ambassador_server.domain.policy.argument_checks import ArgumentFault, CallParams, RefusedArgument
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.services.calls.capability_call import Answered
from tests.server.services.world import ROOT, RULES, World
from tests.server.worlds import GRANT, MCP


async def _replace_grant(world: World, **changes: Any) -> None:
    async with world.changes.open(ROOT) as change:
        grant = await change.work.grants.get(GRANT.grant_id)
        assert grant is not None
        await change.work.grants.replace(replace(grant, **changes))


async def _begun(world: World, arguments: bytes) -> asyncio.Task[Answered | Deny]:
    """Return a call that the downstream does not answer yet."""
    world.downstreams.called.clear()
    task = asyncio.create_task(world.call(arguments=arguments))
    await world.downstreams.called.wait()
    return task


async def test_new_constraints_stop_the_running_calls_with_other_arguments_alone():
    world = await World.build()
    world.script.gate = asyncio.Event()
    kept, stopped = await _begun(world, b'{"repo":"acme"}'), await _begun(world, b'{"repo":"evil"}')
    await _replace_grant(world, constraints=RULES.canonical({"repo": {"pattern": "^a"}}))
    refused = await stopped
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.ARGUMENT_NOT_ALLOWED
    assert not kept.done()
    await _replace_grant(world, constraints=RULES.canonical({"repo": {"const": "acme"}}))
    world.script.gate.set()
    assert isinstance(await kept, Answered)
    denied = [event for event in world.call_events() if event.action is AuditAction.CALL_DENY]
    assert [event.reason for event in denied] == ["argument_not_allowed"]


async def test_a_running_call_is_decided_again_by_the_arguments_that_a_transform_added():
    world = await World.build()
    async with world.changes.open(ROOT) as change:
        added = ToolTransform(default_arguments={"repo": '"acme"'})
        await change.work.mcps.replace(replace(MCP, transforms=ToolTransforms(by_tool={"log": added})))
    world.script.gate = asyncio.Event()
    task = await _begun(world, b"{}")
    await _replace_grant(world, constraints=RULES.canonical({"repo": {"const": "acme"}}))
    assert not task.done()
    await _replace_grant(world, constraints=RULES.canonical({"repo": {"const": "other"}}))
    refused = await task
    assert isinstance(refused, Deny)
    assert refused.refused == RefusedArgument(ArgumentFault.AGAINST_RULE, "repo", 'const "other"')


def test_params_ask_each_check_once():
    asked: list[str] = []

    def check(name: str) -> Any:
        return lambda _: asked.append(name)

    first, second = check("first"), check("second")
    params = CallParams({})
    for each in (first, second, first, second):
        assert params.refused_by(each) is None
    assert asked == ["first", "second"]
