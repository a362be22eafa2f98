"""Sealed states and task ids lead back to the MCP that they are of, and to no other by its name."""

import json

import pytest

from ambassador_protocol.mcp import TASKS
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.caller import Caller
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_members
from ambassador_server.mcp.held_calls import HeldCalls
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target
from ambassador_server.mcp.methods.tasks import TaskMethods
from ambassador_server.mcp.questions.request_states import (
    LARGEST_STATE,
    PassedState,
    RequestStates,
    request_digest,
)
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.pipeline import Answered
from tests.server.services.world import ORIGIN, World
from tests.server.worlds import MCP, PRINCIPAL

SEALER = AesGcmSealer({1: b"k" * 32})
CALLER = Caller(
    principal=PRINCIPAL,
    origin=ORIGIN,
    capabilities=json.dumps({"elicitation": {}, "extensions": {TASKS: {}}}).encode(),
    tell=None,
    ask=None,
    is_modern=True,
)


def request(method: str, **params: object) -> Request:
    return Request(b"1", method, read_members(json.dumps(params).encode()))


def requests_of(world: World) -> tuple[GovernedRequests, RequestStates]:
    states = RequestStates(sealer=SEALER, clock=world.clock)
    return GovernedRequests(catalog=world.catalog, calls=world.calls, held=HeldCalls(), states=states), states


@pytest.mark.parametrize(("mcp_id", "is_sent"), [(MCP.mcp_id, True), ("an earlier one", False)])
async def test_the_answers_go_to_the_mcp_that_asked(mcp_id: str, is_sent: bool):
    world = await World.build()
    requests, states = requests_of(world)
    call = request("tools/call", name="git__log", arguments={})
    state = states.seal(PassedState(mcp_id, "s", {}), PRINCIPAL, request_digest(call))
    retry = request("tools/call", name="git__log", arguments={}, requestState=state, inputResponses={})
    target = Target(kind=CapabilityKind.TOOL, name="git__log")
    if is_sent:
        assert isinstance(await requests.call(retry, CALLER, target), Answered)
        assert json.loads(world.downstreams.calls[0].params)["requestState"] == "s"
    else:
        with pytest.raises(EnvelopeError, match="another MCP"):
            await requests.call(retry, CALLER, target)
        assert world.downstreams.calls == []


@pytest.mark.parametrize(("mcp_id", "is_sent"), [(MCP.mcp_id, True), ("an earlier one", False)])
async def test_the_id_of_a_task_leads_to_its_mcp_alone(mcp_id: str, is_sent: bool):
    world = await World.build()
    requests, _ = requests_of(world)
    tasks = TaskMethods(catalog=world.catalog, requests=requests, sealer=SEALER)
    made = Answered(Reply(result=b'{"resultType":"task","taskId":"t 1"}', error=None), mcp_id, "git", 1.0)
    task_id = json.loads(tasks.sealed(made, "git__log", CALLER).result or b"")["taskId"]
    asked = request("tasks/get", taskId=task_id)
    if is_sent:
        await tasks.manage(asked, CALLER)
        assert json.loads(world.downstreams.calls[0].params)["taskId"] == "t 1"
    else:
        with pytest.raises(EnvelopeError, match="not one that this server gave"):
            await tasks.manage(asked, CALLER)
        assert world.downstreams.calls == []


async def test_what_a_host_could_not_send_back_is_not_sealed():
    world = await World.build()
    requests, states = requests_of(world)
    with pytest.raises(EnvelopeError, match="too large"):
        states.seal(PassedState("m1", "s" * LARGEST_STATE, {}), PRINCIPAL, "digest")
    tasks = TaskMethods(catalog=world.catalog, requests=requests, sealer=SEALER)
    result = json.dumps({"resultType": "task", "taskId": "t" * 10_000}).encode()
    with pytest.raises(EnvelopeError, match="too long"):
        tasks.sealed(Answered(Reply(result=result, error=None), "m1", "git", 1.0), "git__log", CALLER)
