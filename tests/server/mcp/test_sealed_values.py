"""Sealed states and task ids lead back to the MCP that they are of, and to no other by its name."""

import json

import pytest
from msgspec import Raw

from ambassador_protocol.mcp import TASKS
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.caller import Caller
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_members
from ambassador_server.mcp.held_calls import HeldCalls
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target
from ambassador_server.mcp.methods.tasks import TaskMethods
from ambassador_server.mcp.questions import request_states
from ambassador_server.mcp.questions.request_states import (
    LARGEST_STATE,
    PassedState,
    RequestStates,
)
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.capability_call import Answered
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
    state = states.seal(PassedState(mcp_id, "s", {}), PRINCIPAL, call)
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
        states.seal(PassedState("m1", "s" * LARGEST_STATE, {}), PRINCIPAL, request("tools/call"))
    tasks = TaskMethods(catalog=world.catalog, requests=requests, sealer=SEALER)
    result = json.dumps({"resultType": "task", "taskId": "t" * 10_000}).encode()
    with pytest.raises(EnvelopeError, match="too long"):
        tasks.sealed(Answered(Reply(result=result, error=None), "m1", "git", 1.0), "git__log", CALLER)


async def test_a_large_request_is_repeated_byte_by_byte_and_a_small_one_in_any_way():
    _, states = requests_of(await World.build())
    for size, is_accepted in ((10, True), (100_000, False)):
        text = b'"' + b"x" * size + b'"'
        written = Request(b"1", "tools/call", {"arguments": Raw(b'{"a":1,"b":' + text + b"}")})
        rewritten = Request(b"2", "tools/call", {"arguments": Raw(b'{"b": ' + text + b', "a": 1}')})
        changed = Request(b"3", "tools/call", {"arguments": Raw(b'{"a":2,"b":' + text + b"}")})
        state = PassedState("m1", "s", {})
        sealed = Raw(json.dumps(states.seal(state, PRINCIPAL, written)).encode())
        assert states.open(sealed, PRINCIPAL, written) == state
        for other, opens in ((rewritten, is_accepted), (changed, False)):
            if opens:
                assert states.open(sealed, PRINCIPAL, other) == state
            else:
                with pytest.raises(EnvelopeError, match="another request"):
                    states.open(sealed, PRINCIPAL, other)


async def test_the_digest_of_a_request_is_not_computed_for_a_state_of_nobody(monkeypatch: pytest.MonkeyPatch):
    _, states = requests_of(await World.build())
    computed: list[Request] = []
    monkeypatch.setattr(request_states, "request_digest", computed.append)
    with pytest.raises(EnvelopeError, match="not one that this server gave"):
        states.open(Raw(b'"AAAA"'), PRINCIPAL, request("tools/call", arguments={}))
    assert computed == []
