"""Questions of downstreams reach only the host of their call, and a host can cancel its call."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import MODERN, REST
from tests.end_to_end.legacy_host import LegacyHost, begin
from tests.end_to_end.world import Caller, Downstream, World, downstream, running, until
from tests.rig import Rig

DOWNSTREAMS = ("legacy-http", "modern-http", "modern-stdio")
ELICITATION = {"elicitation": {"form": {}}, "experimental": {"x": {}}}
YES = {"action": "accept", "content": {"sure": True, "big": 12345678901234567890}}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with downstreams of both eras that ask questions."""
    with (
        downstream(directory, "--era", "modern") as modern,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish("legacy-http", "streamable_http", {"url": tools.url})
        started.publish("modern-http", "streamable_http", {"url": modern.url})
        started.publish_fixture("modern-stdio", "--era", "modern")
        started.publish_fixture("legacy-stdio")
        yield started


def recorded(world: World, caller: Caller, actions: set[str]) -> list[dict[str, Any]]:
    """Return the events of a caller's session, oldest first, after all of these actions were recorded."""

    def found() -> list[dict[str, Any]] | None:
        events = world.events(session=caller.session_id)[::-1]
        return events if actions <= {event["action"] for event in events} else None

    return until(found, f"{sorted(actions)} are recorded")


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("rounds", [1, 3])
def test_legacy_host_is_asked_on_the_stream_of_its_call(world: World, mcp: str, rounds: int) -> None:
    asked = begin(world.caller(), ELICITATION)
    with asked.call(f"{mcp}__confirm", rounds=rounds) as stream:
        for number in range(1, rounds + 1):
            question = next(stream)
            assert question["method"] == "elicitation/create"
            assert question["params"]["message"] == f"{mcp} asks: Delete it ({number})?"
            assert question["params"]["x-kept"] == 10**20
            assert asked.post({"id": question["id"], "result": YES}).status_code == 202
        last = next(stream)
        assert next(stream, None) is None
    assert last["id"] == 7
    assert last["result"]["structuredContent"]["answers"] == [YES] * rounds
    assert "resultType" not in last["result"]
    actions = [event["action"] for event in recorded(world, asked.caller, {"call:tool:outcome"})]
    asking = ["call:tool:question", "call:tool:answer"] * rounds
    assert [each for each in actions if each.startswith("call:")] == [
        "call:tool:attempt",
        *asking,
        "call:tool:outcome",
    ]
    assert "Delete it" not in json.dumps(recorded(world, asked.caller, set()))


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_an_answer_that_is_no_object_is_refused_and_a_second_one_too(world: World, mcp: str) -> None:
    asked = begin(world.caller(), ELICITATION)
    with asked.call(f"{mcp}__confirm", rounds=1) as stream:
        question = next(stream)["id"]
        for wrong in (7, "yes", [YES], True):
            assert asked.post({"id": question, "result": wrong}).status_code == 400
        assert asked.post({"id": question, "result": YES}).status_code == 202
        assert asked.post({"id": question, "result": YES}).status_code == 400
        assert next(stream)["result"]["structuredContent"]["answers"] == [YES]


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_error_of_the_host_is_returned_to_the_downstream(world: World, mcp: str) -> None:
    asked = begin(world.caller(), ELICITATION)
    refusal = {"code": -1, "message": "the user is away"}
    with asked.call(f"{mcp}__confirm") as stream:
        assert asked.post({"id": next(stream)["id"], "error": refusal}).status_code == 202
        last = next(stream)
    # A legacy downstream receives the error; the modern protocol cannot transmit it.
    assert last.get("error") == refusal or last["result"]["structuredContent"]["answers"] == [refusal]
    answer = next(
        event
        for event in recorded(world, asked.caller, {"call:tool:outcome"})
        if event["action"] == "call:tool:answer"
    )
    assert answer["outcome"] == "failed"


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("capabilities", [{}, {"sampling": {}}, {"roots": {"listChanged": True}}])
def test_a_host_that_cannot_be_asked_gets_an_error_instead_of_an_empty_result(
    world: World, mcp: str, capabilities: dict[str, Any]
) -> None:
    with begin(world.caller(), capabilities).call(f"{mcp}__confirm") as stream:
        (only,) = stream
    said = json.dumps(only)
    assert "cannot be asked" in said
    assert "elicitation/create" in said


def test_rest_face_refuses_questions(world: World) -> None:
    answer = world.caller().call(REST, "modern-http__confirm", {})
    assert answer.failed
    assert "cannot be asked" in answer.text


def test_a_modern_host_gets_the_questions_in_the_result_and_answers_with_a_retry(world: World) -> None:
    caller = world.caller()
    params = {
        "name": "modern-http__confirm",
        "arguments": {},
        "_meta": {"io.modelcontextprotocol/clientCapabilities": ELICITATION},
    }
    first = caller.send(MODERN.request(caller.secret, "tools/call", params)).json()["result"]
    assert first["resultType"] == "input_required"
    again = {"inputResponses": {"sure": YES}, "requestState": first["requestState"]}
    body = caller.send(MODERN.request(caller.secret, "tools/call", params | again)).json()
    assert body["result"]["structuredContent"]["answers"] == [YES]


def test_a_modern_host_that_did_not_declare_the_question_gets_a_missing_capability(world: World) -> None:
    answer = world.caller().call(MODERN, "modern-http__confirm", {})
    assert (answer.status, answer.code) == (400, -32021)
    assert answer.body["error"]["data"] == {"requiredCapabilities": {"elicitation": {}}}


def test_modern_downstream_gets_the_declared_capabilities_without_extensions(world: World) -> None:
    with begin(world.caller(), ELICITATION).call("modern-http__params") as stream:
        (only,) = stream
    meta = only["result"]["structuredContent"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {"elicitation": {"form": {}}}


def test_other_principals_cannot_answer_a_question(world: World) -> None:
    person = world.person()
    asked, neighbour = begin(world.session(person), ELICITATION), begin(world.session(person), ELICITATION)
    stranger = begin(world.caller(), ELICITATION)
    unnamed = LegacyHost(asked.caller, {})
    borrowed = LegacyHost(stranger.caller, asked.conversation)
    with asked.call("legacy-http__confirm") as stream:
        question = next(stream)["id"]
        for other in (neighbour, stranger, unnamed, borrowed):
            assert other.post({"id": question, "result": {"action": "decline"}}).status_code == 400
        assert asked.post({"id": f"{question}x", "result": {}}).status_code == 400
        assert asked.post({"id": question, "result": YES}).status_code == 202
        last = next(stream)
    assert last["result"]["structuredContent"]["answers"] == [YES]
    for again in (question, 7, None):
        assert asked.post({"id": again, "result": YES}).status_code == 400


def test_question_over_stdio_that_users_share_is_refused_and_then_asked_over_a_process_of_the_user(
    world: World,
) -> None:
    with begin(world.caller(), {}).call("legacy-stdio__echo") as stream:
        assert len(list(stream)) == 1
    asked = begin(world.caller(), {"roots": {}, "sampling": {}})
    with asked.call("legacy-stdio__ask") as stream:
        (only,) = stream
    assert only["result"]["structuredContent"]["roots/list"]["error"]["code"] == -32601
    with asked.call("legacy-stdio__ask") as stream:
        for result in ({"roots": []}, {"role": "assistant"}):
            assert asked.post({"id": next(stream)["id"], "result": result}).status_code == 202
        last = next(stream)
    answers = last["result"]["structuredContent"]
    assert answers["roots/list"]["result"] == {"roots": []}
    assert answers["sampling/createMessage"]["result"] == {"role": "assistant"}
    assert answers["elicitation/create"]["error"]["code"] == -32601


def answered(asked: LegacyHost, root: str, mcp: str = "asking-stdio") -> dict[str, Any]:
    """Call the tool that asks for roots and a completion, answer what arrives, and return what the tool was told."""
    answers = {"roots/list": {"roots": [{"uri": root}]}, "sampling/createMessage": {"content": root}}
    with asked.call(f"{mcp}__ask") as stream:
        for message in stream:
            if "method" not in message:
                told: dict[str, Any] = message["result"]["structuredContent"]
                return told
            assert asked.post({"id": message["id"], "result": answers[message["method"]]}).status_code == 202
    raise AssertionError("the call has no answer")


def test_questions_over_stdio_reach_the_user_of_their_call_or_nobody(world: World) -> None:
    """One process serves all, until it asks while it could mean several users; then each gets an own process."""
    world.publish_fixture("asking-stdio")
    supported = {"roots": {}, "sampling": {}}
    first, second = begin(world.caller(), supported), begin(world.caller(), supported)
    told = answered(first, "file:///first")
    assert told["roots/list"]["result"] == {"roots": [{"uri": "file:///first"}]}
    assert told["elicitation/create"]["error"]["code"] == -32601
    refused = answered(second, "file:///second")
    assert "error" in refused["roots/list"]
    for asked, root in ((second, "file:///second"), (first, "file:///first")):
        assert answered(asked, root)["roots/list"]["result"] == {"roots": [{"uri": root}]}


def test_questions_over_sse_reach_the_user_of_their_call(world: World, directory: Path) -> None:
    """Each user has a session of their own there, so that a question means one user."""
    supported = {"roots": {}, "sampling": {}}
    with downstream(directory, server="sse_server") as older:
        world.publish("older", "sse", {"url": older.url})
        hosts = [begin(world.caller(), supported) for _ in range(6)]

        def asked_often(number: int) -> list[dict[str, Any]]:
            return [answered(hosts[number], f"file:///{number}/{turn}", "older") for turn in range(3)]

        with ThreadPoolExecutor(len(hosts)) as threads:
            for number, told in enumerate(threads.map(asked_often, range(len(hosts)))):
                roots = [each["roots/list"]["result"]["roots"] for each in told]
                assert roots == [[{"uri": f"file:///{number}/{turn}"}] for turn in range(3)]
                assert {each["elicitation/create"]["error"]["code"] for each in told} == {-32601}
        world.ask("POST", "mcps/older/archive")


def test_a_kill_switch_ends_a_call_that_waits_for_its_host(world: World) -> None:
    asked = begin(world.caller(), ELICITATION)
    with asked.call("legacy-http__confirm") as stream:
        question = next(stream)
        switch = world.ask(
            "POST", "kill-switches", {"scope": "session", "target": asked.caller.session_id, "reason": "test"}
        )
        last = next(stream)
        world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert last["error"]["data"] == {"reason": "kill_switch"}
    assert asked.post({"id": question["id"], "result": YES}).status_code == 400


@pytest.mark.parametrize("mcp", ["legacy-http", "modern-http", "modern-stdio", "legacy-stdio"])
def test_a_posted_cancellation_cancels_the_call_downstream(world: World, mcp: str) -> None:
    waiting = begin(world.caller(), {})
    before = cancelled_count(waiting, mcp)
    started_and_cancelled(world, waiting, mcp, lambda: waiting.cancel(7))
    until(lambda: cancelled_count(waiting, mcp) == before + 1, "the downstream knows")
    outcome = recorded(world, waiting.caller, {"call:tool:outcome"})
    assert [e["reason"] for e in outcome if e["reason"]] == ["cancelled"]


def test_deleting_the_conversation_cancels_its_calls(world: World) -> None:
    waiting = begin(world.caller(), {})

    def delete() -> None:
        assert waiting.caller.http.delete("/mcp", headers=waiting.headers()).status_code == 204

    started_and_cancelled(world, waiting, "legacy-http", delete)
    assert waiting.caller.http.delete("/mcp", headers=waiting.headers()).status_code == 404


def test_cancellation_by_others_or_in_the_modern_era_cancels_nothing(world: World) -> None:
    person = world.person()
    asked = begin(world.session(person), ELICITATION)
    stranger, neighbour = begin(world.caller(), {}), begin(world.session(person), {})
    modern = MODERN.headers(asked.caller.secret, "notifications/cancelled", {})
    notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    with asked.call("legacy-http__confirm") as stream:
        question = next(stream)["id"]
        for other in (
            stranger,
            neighbour,
            LegacyHost(asked.caller, {}),
            LegacyHost(stranger.caller, asked.conversation),
        ):
            other.cancel(7)
        assert asked.caller.http.post("/mcp", json=notice, headers=modern).status_code == 202
        asked.cancel("7")
        assert asked.post({"id": question, "result": YES}).status_code == 202
        assert "result" in next(stream)


def test_posted_response_in_the_modern_era_is_refused(world: World) -> None:
    caller = world.caller()
    headers = MODERN.headers(caller.secret, "", {})
    answer = caller.http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "result": {}}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


def cancelled_count(asking: LegacyHost, mcp: str) -> int:
    with asking.call(f"{mcp}__cancelled", number=1) as stream:
        return int(next(stream)["result"]["content"][0]["text"])


def started_and_cancelled(world: World, waiting: LegacyHost, mcp: str, cancel: Callable[[], None]) -> None:
    """Call the slow tool, cancel it after it was recorded, and assert that it is not answered."""

    def slow() -> list[dict[str, Any]]:
        with waiting.call(f"{mcp}__slow", seconds=600) as stream:
            return list(stream)

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(slow)
        recorded(world, waiting.caller, {"call:tool:attempt"})
        until(
            lambda: world.ask("GET", f"mcps/{mcp}")["calls_in_flight"] > 0, "the call is with the downstream"
        )
        cancel()
        assert answer.result(20) == []


def test_a_conversation_that_was_ended_serves_nothing_more(world: World) -> None:
    caller = world.caller()
    ended, other = begin(caller, ELICITATION), begin(caller, ELICITATION)
    assert caller.http.delete("/mcp", headers=ended.headers()).status_code == 204
    for method, params in (("ping", {}), ("tools/list", {}), ("tools/call", {"name": "legacy-http__echo"})):
        assert ended.post({"id": 3, "method": method, "params": params}).status_code == 404
    assert ended.post({"method": "notifications/initialized"}).status_code == 404
    assert caller.http.get("/mcp", headers=ended.headers()).status_code == 404
    assert caller.http.delete("/mcp", headers=ended.headers()).status_code == 404
    assert other.post({"id": 3, "method": "ping"}).json()["result"] == {}
