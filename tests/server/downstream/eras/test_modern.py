"""Questions of a modern downstream: asked of the host within bounds, and answered with a retry."""

import json
from typing import Any

import pytest

from ambassador_server.downstream.eras import modern
from ambassador_server.downstream.eras.modern import MAX_QUESTIONS, MAX_ROUNDS, ModernEra
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import NeutralRequest, Question, Reply, error_reply

ELICITATION = {"method": "elicitation/create", "params": {"message": "sure?"}}


class Downstream:
    """Answers with one result after the other, repeats the last one, and keeps the requests."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.sent: list[dict[str, Any]] = []

    async def send(self, request: NeutralRequest) -> Reply:
        self.sent.append(json.loads(request.params))
        return self.next()

    def next(self) -> Reply:
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        return Reply(result=json.dumps(result).encode(), error=None)


class Host:
    """Answers each question with its number."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        return Reply(result=json.dumps({"n": len(self.asked)}).encode(), error=None)


def asking(state: Any = "s", **questions: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"resultType": "input_required", "inputRequests": questions}
    return result if state is None else {**result, "requestState": state}


async def finish(
    downstream: Downstream, host: Host | None, capabilities: bytes = b"{}", *, reads_questions: bool = False
) -> Reply:
    request = NeutralRequest(
        method="tools/call",
        params=b'{"name":"x","arguments":{"n":1.0},"requestState":"old"}',
        capabilities=capabilities,
        ask=None if host is None else host.ask,
        reads_questions=reads_questions,
    )
    era = ModernEra("box", mirrors_headers=False)
    return await era.finish(downstream.next(), request, downstream.send)


async def test_the_retry_holds_answers_by_key_and_the_unchanged_state():
    downstream = Downstream(
        asking("s1", a=ELICITATION, b={"method": "roots/list"}), asking(None, c=ELICITATION), {"x": 1}
    )
    host = Host()
    assert (await finish(downstream, host)).result == b'{"x": 1}'
    assert [each.method for each in host.asked] == ["elicitation/create", "roots/list", "elicitation/create"]
    first, second = downstream.sent
    assert first == {
        "name": "x",
        "arguments": {"n": 1.0},
        "inputResponses": {"a": {"n": 1}, "b": {"n": 2}},
        "requestState": "s1",
    }
    assert second == {"name": "x", "arguments": {"n": 1.0}, "inputResponses": {"c": {"n": 3}}}


async def test_a_host_that_reads_questions_in_results_gets_the_unchanged_result():
    downstream = Downstream(asking(a=ELICITATION))
    reply = await finish(downstream, None, b'{"elicitation":{}}')
    assert json.loads(reply.result or b"") == asking(a=ELICITATION)
    assert downstream.sent == []


async def test_a_host_that_reads_questions_in_results_is_not_asked_though_it_could_be():
    downstream, host = Downstream(asking(a=ELICITATION)), Host()
    reply = await finish(downstream, host, b'{"elicitation":{}}', reads_questions=True)
    assert json.loads(reply.result or b"") == asking(a=ELICITATION)
    missing = await finish(Downstream(asking(a=ELICITATION)), host, b'{"roots":{}}', reads_questions=True)
    assert json.loads(missing.error or b"")["code"] == -32021
    assert (host.asked, downstream.sent) == ([], [])


async def test_a_question_that_the_host_did_not_declare_is_a_missing_capability():
    downstream = Downstream(asking(a=ELICITATION, b={"method": "roots/list"}))
    reply = await finish(downstream, None, b'{"roots":{}}')
    error = json.loads(reply.error or b"")
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


async def test_members_without_a_value_are_removed_from_what_the_host_reads():
    asked = {"resultType": "input_required", "inputRequests": None, "requestState": "s"}
    reply = await finish(Downstream(asked), None)
    assert json.loads(reply.result or b"") == {"resultType": "input_required", "requestState": "s"}


async def test_a_result_that_only_mentions_the_word_is_final():
    for result in ({"text": "input_required"}, {"resultType": "complete", "x": "input_required"}):
        assert json.loads((await finish(Downstream(result), Host())).result or b"") == result


async def test_a_result_with_only_a_state_is_retried_after_a_pause(monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(modern.asyncio, "sleep", pause)
    downstream = Downstream(asking("s1"), asking("s2"), asking("s3"), asking("s4"), {"x": 1})
    assert (await finish(downstream, Host())).result == b'{"x": 1}'
    assert pauses == [0.05, 0.1, 0.2, 0.25]
    assert [each["requestState"] for each in downstream.sent] == ["s1", "s2", "s3", "s4"]


async def test_a_downstream_that_never_stops_asking_is_given_up():
    downstream, host = Downstream(asking(a=ELICITATION)), Host()
    with pytest.raises(DownstreamUnavailableError, match="more than 10 times"):
        await finish(downstream, host)
    assert len(host.asked) == MAX_ROUNDS


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (asking(None), "without saying which"),
        (asking(**{f"q{n}": ELICITATION for n in range(MAX_QUESTIONS + 1)}), "at once"),
        (asking(a={"method": "tools/call"}), "does not know"),
        (asking(a=5), "not MCP"),
        (asking(a={"method": "roots/list", "params": [1]}), "not MCP"),
        ({"resultType": "input_required", "inputRequests": []}, "not MCP"),
        (asking(7, a=ELICITATION), "no text"),
    ],
)
async def test_malformed_questions_are_not_asked_of_the_host(result: Any, complaint: str):
    host = Host()
    for asked in (host, None):
        with pytest.raises(DownstreamUnavailableError, match=complaint):
            await finish(Downstream(result), asked, b'{"elicitation":{}}')
    assert host.asked == []


async def test_an_error_of_the_host_ends_the_request_with_that_error():
    class Away(Host):
        async def ask(self, question: Question) -> Reply:
            return error_reply("away")

    downstream = Downstream(asking(a=ELICITATION))
    assert await finish(downstream, Away()) == error_reply("away")
    assert downstream.sent == []
