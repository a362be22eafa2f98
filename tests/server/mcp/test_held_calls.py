"""Held calls: questions end the host's request, answers continue the call, and nothing is left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.mcp import held_calls
from ambassador_server.mcp.envelope import EnvelopeError
from ambassador_server.mcp.held_calls import LARGEST_KEPT, MOST_NOTICES, MOST_PER_USER, Asked, HeldCalls
from ambassador_server.ports.exchange import Ask, Notice, Question, Reply, Tell

YES = {"action": "accept"}


def question(text: str = "?") -> Question:
    return Question("elicitation/create", msgspec.json.encode({"message": text}), "box")


def answers(asked: Asked, value: object = YES) -> dict[str, msgspec.Raw]:
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key in asked.questions}


def rounds(number: int) -> Callable[[Ask, Tell], Awaitable[Reply]]:
    async def run(ask: Ask, _: Tell) -> Reply:
        got = [await ask(question(str(n))) for n in range(number)]
        return Reply(result=b"[" + b",".join(each.result or b"null" for each in got) + b"]", error=None)

    return run


async def test_a_call_without_questions_is_never_held():
    held = HeldCalls()
    assert await held.begin("u1", rounds(0), None) == Reply(result=b"[]", error=None)
    assert len(held) == 0


async def test_each_round_of_questions_ends_a_request_and_the_last_one_gets_the_outcome():
    held = HeldCalls()
    asked = await held.begin("u1", rounds(2), None)
    for number in range(2):
        assert isinstance(asked, Asked)
        assert [each.params for each in asked.questions.values()] == [b'{"message":"%d"}' % number]
        assert (len(held), asked.round) == (1, number + 1)
        asked = await held.resume("u1", asked.call_id, asked.round, answers(asked, {"n": number}), None)
    assert asked == Reply(result=b'[{"n":0},{"n":1}]', error=None)
    assert len(held) == 0


async def test_questions_of_one_moment_are_asked_together_and_those_without_an_answer_again():
    async def run(ask: Ask, _: Tell) -> Reply:
        got = await asyncio.gather(*(ask(question(str(n))) for n in range(3)))
        return Reply(result=b"|".join(each.result or b"" for each in got), error=None)

    held = HeldCalls()
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    first, second, third = asked.questions
    given_first = {second: msgspec.Raw(b'{"n":2}'), "unknown": msgspec.Raw(b"7")}
    again = await held.resume("u1", asked.call_id, asked.round, given_first, None)
    assert isinstance(again, Asked)
    assert list(again.questions) == [first, third]
    rest = {first: msgspec.Raw(b'{"n":1}'), third: msgspec.Raw(b'{"n":3}')}
    outcome = await held.resume("u1", again.call_id, again.round, rest, None)
    assert outcome == Reply(result=b'{"n":1}|{"n":2}|{"n":3}', error=None)


@pytest.mark.parametrize("who", ["u2", "", "U1"])
async def test_no_other_user_continues_a_call(who: str):
    held = HeldCalls()
    asked = await held.begin("u1", rounds(1), None)
    assert isinstance(asked, Asked)
    with pytest.raises(EnvelopeError, match="waits no longer"):
        await held.resume(who, asked.call_id, asked.round, answers(asked), None)
    assert isinstance(await held.resume("u1", asked.call_id, asked.round, answers(asked), None), Reply)


async def test_a_round_is_answered_once():
    held = HeldCalls()
    first = await held.begin("u1", rounds(2), None)
    assert isinstance(first, Asked)
    second = await held.resume("u1", first.call_id, first.round, answers(first), None)
    assert isinstance(second, Asked)
    with pytest.raises(EnvelopeError):
        await held.resume("u1", first.call_id, first.round, answers(first), None)
    assert isinstance(await held.resume("u1", second.call_id, second.round, answers(second), None), Reply)
    with pytest.raises(EnvelopeError):
        await held.resume("u1", second.call_id, second.round, answers(second), None)


@pytest.mark.parametrize("value", ["yes", [], 1, None])
async def test_an_answer_that_is_no_object_is_refused_and_the_call_goes_on_waiting(value: object):
    held = HeldCalls()
    asked = await held.begin("u1", rounds(1), None)
    assert isinstance(asked, Asked)
    with pytest.raises(EnvelopeError, match="not an object"):
        await held.resume("u1", asked.call_id, asked.round, answers(asked, value), None)
    assert isinstance(await held.resume("u1", asked.call_id, asked.round, answers(asked), None), Reply)


async def test_a_host_that_goes_away_before_the_answer_cancels_the_call():
    cancelled = asyncio.Event()

    async def run(_: Ask, __: Tell) -> Reply:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    held = HeldCalls()
    request = asyncio.create_task(held.begin("u1", run, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert cancelled.is_set()
    assert len(held) == 0


async def test_a_host_that_never_answers_loses_its_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(held_calls, "HOLD_SECONDS", 0.01)
    ended = asyncio.Event()

    async def run(ask: Ask, _: Tell) -> Reply:
        try:
            return await ask(question())
        finally:
            ended.set()

    held = HeldCalls()
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    await asyncio.wait_for(ended.wait(), 10)
    await asyncio.sleep(0)
    assert len(held) == 0
    with pytest.raises(EnvelopeError, match="waits no longer"):
        await held.resume("u1", asked.call_id, asked.round, answers(asked), None)


async def test_a_question_that_comes_while_a_call_is_held_is_asked_once_and_no_round_is_empty():
    later = asyncio.Event()

    async def run(ask: Ask, _: Tell) -> Reply:
        async def ask_later() -> Reply:
            await later.wait()
            return await ask(question("second"))

        got = await asyncio.gather(ask(question("first")), ask_later())
        return Reply(result=b"|".join(each.result or b"" for each in got), error=None)

    held = HeldCalls(collect_seconds=0)
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    later.set()
    for _ in range(10):
        await asyncio.sleep(0)
    asked = await held.resume("u1", asked.call_id, asked.round, answers(asked, {"n": 1}), None)
    assert isinstance(asked, Asked)
    assert [each.params for each in asked.questions.values()] == [b'{"message":"second"}']
    for _ in range(10):
        await asyncio.sleep(0)
    outcome = await held.resume("u1", asked.call_id, asked.round, answers(asked, {"n": 2}), None)
    assert outcome == Reply(result=b'{"n":1}|{"n":2}', error=None)
    assert len(held) == 0


async def test_a_question_that_is_withdrawn_while_a_call_is_held_leaves_no_empty_round():
    later, go_on = asyncio.Event(), asyncio.Event()

    async def run(ask: Ask, _: Tell) -> Reply:
        async def withdrawn() -> None:
            await later.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ask(question("withdrawn"))
            go_on.set()

        got, _none = await asyncio.gather(ask(question("first")), withdrawn())
        return got

    held = HeldCalls(collect_seconds=0)
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    later.set()
    await asyncio.wait_for(go_on.wait(), 10)
    outcome = await held.resume("u1", asked.call_id, asked.round, answers(asked, {"n": 1}), None)
    assert outcome == Reply(result=b'{"n":1}', error=None)


async def test_a_call_that_is_cancelled_when_its_answer_arrives_waits_no_longer():
    held = HeldCalls()
    asked = await held.begin("u1", rounds(1), None)
    assert isinstance(asked, Asked)
    held._held[asked.call_id].cancel()  # the time to answer ends in the same turn of the event loop
    with pytest.raises(EnvelopeError, match="waits no longer"):
        await held.resume("u1", asked.call_id, asked.round, answers(asked), None)
    assert len(held) == 0


async def test_a_user_with_too_many_held_calls_is_not_asked_and_others_are():
    held = HeldCalls()
    for _ in range(MOST_PER_USER):
        assert isinstance(await held.begin("u1", rounds(1), None), Asked)
    refused = await held.begin("u1", rounds(1), None)
    assert isinstance(refused, Reply)
    assert refused.result == b"[null]"
    assert isinstance(await held.begin("u2", rounds(1), None), Asked)
    assert len(held) == MOST_PER_USER + 1


async def test_a_downstream_with_a_thousand_questions_is_answered_with_errors():
    async def run(ask: Ask, _: Tell) -> Reply:
        got = await asyncio.gather(*(ask(question()) for _ in range(1000)))
        return Reply(result=b"%d" % sum(each.error is not None for each in got), error=None)

    held = HeldCalls()
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    assert len(asked.questions) == held_calls.MOST_QUESTIONS
    outcome = await held.resume("u1", asked.call_id, asked.round, answers(asked), None)
    assert outcome == Reply(result=b"%d" % (1000 - held_calls.MOST_QUESTIONS), error=None)


async def test_an_error_of_the_call_reaches_the_request_that_waits():
    async def run(ask: Ask, _: Tell) -> Reply:
        await ask(question())
        raise DownstreamUnavailableError("gone")

    held = HeldCalls()
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    with pytest.raises(DownstreamUnavailableError):
        await held.resume("u1", asked.call_id, asked.round, answers(asked), None)
    assert len(held) == 0


async def test_notices_between_two_requests_go_to_the_next_one_in_order_and_the_oldest_are_dropped():
    told_all = asyncio.Event()

    async def run(ask: Ask, tell: Tell) -> Reply:
        tell(Notice("first", b"{}"))
        asking = asyncio.create_task(ask(question()))
        await asked_once.wait()
        for number in range(MOST_NOTICES + 2):
            tell(Notice(str(number), b"{}"))
        told_all.set()
        await asking
        tell(Notice("last", b"{}"))
        return Reply(result=b"{}", error=None)

    asked_once = asyncio.Event()
    held, first, second = HeldCalls(), [], []
    asked = await held.begin("u1", run, lambda notice: first.append(notice.method))
    assert isinstance(asked, Asked)
    asked_once.set()
    await asyncio.wait_for(told_all.wait(), 30)
    outcome = await held.resume(
        "u1", asked.call_id, asked.round, answers(asked), lambda notice: second.append(notice.method)
    )
    assert outcome == Reply(result=b"{}", error=None)
    assert (first, second) == (["first"], [*map(str, range(2, MOST_NOTICES + 2)), "last"])


@pytest.mark.parametrize("size", [10, LARGEST_KEPT, LARGEST_KEPT + 1])
async def test_the_outcome_of_a_call_that_ends_between_two_requests_waits_for_the_host(size: int):
    asked_once, ended = asyncio.Event(), asyncio.Event()
    result = b'"' + b"x" * (size - 2) + b'"'

    async def run(ask: Ask, tell: Tell) -> Reply:
        asking = asyncio.create_task(ask(question()))
        await asked_once.wait()
        tell(Notice("step", b"{}"))
        asking.cancel()
        ended.set()
        return Reply(result=result, error=None)

    held, told = HeldCalls(), list[str]()
    asked = await held.begin("u1", run, None)
    assert isinstance(asked, Asked)
    asked_once.set()
    await asyncio.wait_for(ended.wait(), 30)
    outcome = await held.resume(
        "u1", asked.call_id, asked.round, answers(asked), lambda notice: told.append(notice.method)
    )
    assert isinstance(outcome, Reply)
    assert told == ["step"]
    if size <= LARGEST_KEPT:
        assert outcome.result == result
    else:
        assert b"too large to keep" in (outcome.error or b"")
    assert len(held) == 0
    with pytest.raises(EnvelopeError, match="waits no longer"):
        await held.resume("u1", asked.call_id, asked.round, answers(asked), None)


async def test_an_outcome_for_which_nobody_comes_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(held_calls, "HOLD_SECONDS", 0.01)
    held, gone = HeldCalls(), asyncio.Event()
    forget = held.forget

    def forgotten(call) -> None:
        forget(call)
        gone.set()

    held.forget = forgotten
    asked_once = asyncio.Event()

    async def run(ask: Ask, _: Tell) -> Reply:
        asking = asyncio.create_task(ask(question()))
        await asked_once.wait()
        asking.cancel()
        return Reply(result=b"{}", error=None)

    monkeypatch.setattr(held, "collect_seconds", 0)
    asking = asyncio.create_task(held.begin("u1", run, None))
    assert isinstance(await asking, Asked)
    asked_once.set()
    await asyncio.wait_for(gone.wait(), 30)
    assert len(held) == 0


async def test_notices_go_to_the_request_that_is_open():
    async def run(ask: Ask, tell: Tell) -> Reply:
        tell(Notice("one", b"{}"))
        await ask(question())
        tell(Notice("two", b"{}"))
        return Reply(result=b"{}", error=None)

    held, first, second = HeldCalls(), [], []
    asked = await held.begin("u1", run, lambda notice: first.append(notice.method))
    assert isinstance(asked, Asked)
    await held.resume(
        "u1", asked.call_id, asked.round, answers(asked), lambda notice: second.append(notice.method)
    )
    assert (first, second) == (["one"], ["two"])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20), st.randoms())
async def test_interleaved_calls_of_many_users_lose_and_mix_up_nothing(calls, random):
    """Each call asks several times and must get the answers to its own questions alone."""
    held = HeldCalls(collect_seconds=0)

    def asking(user: int, number: int, times: int) -> Callable[[Ask, Tell], Awaitable[Reply]]:
        async def run(ask: Ask, _: Tell) -> Reply:
            for turn in range(times):
                text = f"{user}.{number}.{turn}"
                reply = await ask(question(text))
                assert reply.result == msgspec.json.encode({"echo": text})
            return Reply(result=f"{user}.{number}".encode(), error=None)

        return run

    waiting = {
        (f"u{user}", n): await held.begin(f"u{user}", asking(user, n, times), None)
        for n, (user, times) in enumerate(calls)
    }
    outcomes = {}
    while waiting:
        (user, n), state = waiting.popitem() if random.random() < 0.5 else _any(waiting, random)
        if isinstance(state, Asked):
            given_answers = {
                key: msgspec.Raw(msgspec.json.encode({"echo": msgspec.json.decode(each.params)["message"]}))
                for key, each in state.questions.items()
            }
            waiting[user, n] = await held.resume(user, state.call_id, state.round, given_answers, None)
        else:
            outcomes[user, n] = state.result
    assert outcomes == {(f"u{user}", n): f"{user}.{n}".encode() for n, (user, _) in enumerate(calls)}
    assert len(held) == 0


def _any(waiting, random):
    key = random.choice(sorted(waiting))
    return key, waiting.pop(key)
