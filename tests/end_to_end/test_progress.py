"""Progress of a call goes from the downstream to its own caller only, with the caller's token."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.host import MODERN, environment, host
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import ACCEPT, LEGACY, MCP_FACES, Mcp
from tests.end_to_end.world import Caller, Downstream, World, downstream, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

DOWNSTREAMS = ("tools", "older", "piped", "modern")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with shared downstreams of both eras, over HTTP and stdio."""
    with (
        downstream(directory, server="sse_server") as older,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish("older", "sse", {"url": older.url})
        started.publish_fixture("piped")
        started.publish_fixture("modern", "--era", "modern")
        yield started


def ask(
    caller: Caller, face: Mcp, tool: str, token: Any, accept: str = ACCEPT, **arguments: Any
) -> httpx.Response:
    """Call a tool and ask for its progress."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": token}}
    wire = face.request(caller.secret, "tools/call", params)
    return caller.http.post(wire.path, content=wire.body, headers={**wire.headers, "Accept": accept})


def events(body: str) -> list[dict[str, Any]]:
    """Return the messages of a stream."""
    whole = [each.removeprefix("data: ") for each in body.split("\n\n")]
    assert whole.pop() == ""
    return [json.loads(each) for each in whole]


def outcomes(world: World, answer: httpx.Response) -> list[str]:
    """Return the recorded events of a request, after the second one was recorded."""
    request = answer.headers["x-request-id"]
    recorded = until(
        lambda: each if len(each := world.events(request_id=request)) > 1 else None, "it is recorded"
    )
    return sorted(each["outcome"] for each in recorded)


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("token", ["abc", 7, ""])
def test_progress_comes_before_the_result_under_the_callers_token(
    world: World, face: Mcp, mcp: str, token: Any
) -> None:
    answer = ask(world.caller(), face, f"{mcp}__progress", token, steps=3, foreign=["abc", 0, 10**6])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["x-content-type-options"] == "nosniff"
    *told, last = events(answer.text)
    assert {each["method"] for each in told} == {"notifications/progress"}
    assert [each["params"].pop("progressToken") for each in told] == [token] * 3
    assert [each["params"]["progress"] for each in told] == [1, 2, 3]
    assert told[0]["params"]["x-kept"] == 10**20
    assert last["id"] == 7
    assert last["result"]["content"][0]["text"].isdigit(), "the downstream sees a token of ours alone"
    assert outcomes(world, answer) == ["permitted", "succeeded"]


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_answer_is_plain_json_without_progress_or_without_accepted_streams(world: World, face: Mcp) -> None:
    caller = world.caller()
    for answer in (
        ask(caller, face, "tools__echo", "t", text="x"),
        ask(caller, face, "tools__progress", "t", accept="*/*"),
        ask(caller, face, "tools__progress", {"no": "token"}),
        ask(caller, face, "tools__progress", "t" * 300),
        ask(caller, face, "tools__progress", None),
        ask(caller, face, "tools__progress", "t", steps=0),
        ask(caller, face, "tools__progress", "t", size=20_000),
        ask(caller, face, "tools__nothing", "t"),
    ):
        assert answer.headers["content-type"] == "application/json", answer.text
        assert answer.json()["id"] == 7


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_users_with_the_same_token_get_only_their_own_progress(world: World, mcp: str) -> None:
    callers = [world.caller() for _ in range(4)]

    def run(n: int) -> None:
        face = MCP_FACES[n % 2]
        *told, last = events(ask(callers[n % 4], face, f"{mcp}__progress", 1, steps=n + 1).text)
        assert [each["params"]["total"] for each in told] == [n + 1] * (n + 1)
        assert "result" in last

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(24)))


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_token_that_is_spelled_another_way_does_not_reach_the_downstream(world: World, mcp: str) -> None:
    caller = world.caller()
    body = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"%b__params","_meta":{%b}}}'
    wire = LEGACY.request(caller.secret, "tools/call", {})

    def answer(spelled: bytes) -> Any:
        content = body % (mcp.encode(), spelled)
        return caller.http.post("/mcp", content=content, headers=wire.headers).json()

    def token() -> Any:
        return answer(rb'"progress\u0054oken":1')["result"]["structuredContent"]["_meta"]["progressToken"]

    seen = token()
    assert isinstance(seen, int)
    assert token() != seen, "it is ours, not theirs"
    refused = answer(rb'"progressToken":2,"progress\u0054oken":1')
    assert refused["error"]["message"] == "params._meta has 'progressToken' more than once"


def test_slow_reader_loses_progress_but_not_the_result(world: World, tools: Downstream) -> None:
    caller, steps = world.caller(), 4000
    params = {
        "name": "tools__progress",
        "arguments": {"steps": steps, "size": 8000},
        "_meta": {"progressToken": 1},
    }
    wire = LEGACY.request(caller.secret, "tools/call", params)
    with caller.http.stream("POST", "/mcp", content=wire.body, headers=wire.headers) as answer:
        request = answer.headers["x-request-id"]
        until(lambda: len(world.events(request_id=request)) == 2, "the downstream has answered")
        *told, last = events(answer.read().decode())
    assert last["result"]["content"][0]["text"].isdigit()
    assert 0 < len(told) < steps
    assert told[-1]["params"]["progress"] == steps, "the oldest go, the newest is told"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_kill_switch_ends_a_call_that_has_sent_progress(world: World, face: Mcp, mcp: str) -> None:
    caller = world.caller()
    tool = f"{mcp}__progress"
    params = {"name": tool, "arguments": {"steps": 1, "seconds": 600}, "_meta": {"progressToken": 1}}
    wire = face.request(caller.secret, "tools/call", params)
    with caller.http.stream("POST", "/mcp", content=wire.body, headers=wire.headers) as answer:
        switch = world.ask("POST", "kill-switches", {"scope": "mcp", "target": mcp, "reason": "drill"})
        told, last = events(answer.read().decode())
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert told["params"]["progress"] == 1
    assert "error" in last
    assert outcomes(world, answer) == ["denied", "permitted"]


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_closed_connection_cancels_a_call_that_has_sent_progress(world: World, mcp: str) -> None:
    caller = world.caller()
    before = int(caller.call(LEGACY, f"{mcp}__cancelled").text)
    params = {
        "name": f"{mcp}__progress",
        "arguments": {"steps": 2, "seconds": 600},
        "_meta": {"progressToken": 1},
    }
    wire = LEGACY.request(caller.secret, "tools/call", params)
    with (
        httpx.Client(base_url=world.rig.client_url, trust_env=False, timeout=PATIENCE) as passing,
        passing.stream("POST", "/mcp", content=wire.body, headers=wire.headers) as answer,
    ):
        next(answer.iter_bytes())
    until(lambda: int(caller.call(LEGACY, f"{mcp}__cancelled").text) == before + 1, "it is cancelled")
    assert "Traceback" not in world.log_text()


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("mcp", DOWNSTREAMS)
async def test_progress_reaches_the_host_of_our_client(
    world: World, tmp_path: Path, mcp: str, modern: bool
) -> None:
    env = environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=world.person().key)
    async with host(env) as proxy:
        if not modern:
            await proxy.initialize()
        meta = {"progressToken": "mine", **(MODERN if modern else {})}
        params = {"name": f"{mcp}__progress", "arguments": {"steps": 3}, "_meta": meta}
        answer = await proxy.request("tools/call", params)
    assert answer["result"]["content"][0]["text"].isdigit()
    told = [each["params"] for each in proxy.notifications if each["method"] == "notifications/progress"]
    assert [(each["progressToken"], each["progress"]) for each in told] == [("mine", n) for n in (1, 2, 3)]
