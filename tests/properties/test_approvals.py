"""Whatever happens at the same time, an approval lets one call through: that call, of that user, once, and in time."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction, AuditEvent
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.approval_binding import call_digest
from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import AmbassadorError
from ambassador_server.services.calls.capability_call import Answered
from tests.effort import examples
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import GRANT, KEY, LOG_TOOL, PRINCIPAL, USER

BOB = Principal(user_id="u2", user_name="bob", key_id="k2", key_name="desk", session_id="s2")
OTHER_KEY = Principal(user_id="u1", user_name="alice", key_id="k3", key_name="other", session_id="s3")
CALLERS = (PRINCIPAL, BOB, OTHER_KEY)
TOOLS = ("git__push", "git__tag")
ARGUMENTS = (b'{"n":1}', b'{"n":2}')

CALL = st.tuples(
    st.just("call"), st.sampled_from(CALLERS), st.sampled_from(TOOLS), st.sampled_from(ARGUMENTS)
)
STEP = st.one_of(
    CALL,
    st.tuples(st.just("race"), CALL, st.lists(st.tuples(CALL, st.integers(0, 5)), min_size=1, max_size=4)),
    st.tuples(st.sampled_from(["approve", "approve", "deny", "cancel"]), st.integers(0, 3)),
    st.tuples(st.just("approve_own"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 300, 601, 4000])),
    st.tuples(st.just("grant"), st.sampled_from([60, 600])),
    st.tuples(st.just("expire")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("lift")),
)
TOGETHER = st.lists(st.tuples(STEP, st.integers(0, 5)), min_size=1, max_size=5)


@dataclass
class Run:
    """One run of steps, some of them at the same time."""

    world: World
    switch: str | None = None
    requests: dict[str, ApprovalRequest] = field(default_factory=dict)
    answered: int = 0

    async def step(self, step: tuple[object, ...], turns: int) -> bool:
        """Do one step after some turns of the event loop; tell whether it was a call that ran."""
        for _ in range(turns):
            await asyncio.sleep(0)
        name, *rest = step
        try:
            return await getattr(self, f"_{name}")(*rest) is True
        except AmbassadorError:
            return False  # such as a decision about what is decided already

    async def remember(self) -> None:
        """Keep every request as it was asked for."""
        async with self.world.store.read() as work:
            for each in await work.requests.all():
                self.requests.setdefault(each.request_id, each)

    async def _call(self, caller: Principal, tool: str, arguments: bytes) -> bool:
        return isinstance(await self.world.call(tool, arguments, caller), Answered)

    async def _race(self, call: tuple[object, ...], others: list[tuple[tuple[object, ...], int]]) -> bool:
        """Let a call be approved, and repeat it at the same time as other calls; half of them are the same."""
        if await self.step(call, 0):
            self.answered += 1
        await self._approve(0)
        same = [(call, turns) for _, turns in others]
        ran = await asyncio.gather(*(self.step(each, turns) for each, turns in [*same, *others]))
        self.answered += sum(ran)
        return False

    async def _one(self, number: int) -> ApprovalRequest | None:
        async with self.world.store.read() as work:
            every = list(reversed(await work.requests.all()))
        return every[number] if number < len(every) else None

    async def _approve(self, number: int) -> None:
        request = await self._one(number)
        if request is not None:
            await self.world.requests.decide(ROOT, request.request_id, approve=True, reason=None)

    async def _approve_own(self, number: int) -> None:
        request = await self._one(number)
        if request is not None:
            actor = user_actor(BOB if request.user_id == "u2" else PRINCIPAL)
            await self.world.requests.decide(
                Requester(None, ORIGIN, actor), request.request_id, approve=True, reason=None
            )

    async def _deny(self, number: int) -> None:
        request = await self._one(number)
        if request is not None:
            await self.world.requests.decide(ROOT, request.request_id, approve=False, reason=None)

    async def _cancel(self, number: int) -> None:
        request = await self._one(number)
        if request is not None:
            requester = Requester(None, ORIGIN, user_actor(PRINCIPAL))
            await self.world.requests.cancel(requester, request.request_id, user_id=request.user_id)

    async def _wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)
        await self.world.policy.refresh()

    async def _grant(self, seconds: int) -> None:
        async with self.world.store.write() as work:
            await work.grants.replace(replace(GRANT, approval_seconds=seconds))
        await self.world.policy.refresh()

    async def _expire(self) -> None:
        await self.world.requests.expire()

    async def _kill(self) -> None:
        if self.switch is None:
            self.switch = await self.world.kill(SwitchScope.MCP, "git")

    async def _lift(self) -> None:
        switch, self.switch = self.switch, None
        if switch is not None:
            await self.world.switches.lift(ROOT, switch)


async def start() -> Run:
    world = await World.build()
    async with world.store.write() as work:
        await work.users.add(replace(USER, user_id="u2", name="bob"))
        await work.memberships.add(Membership(user_id="u2", group_id="g1"))
        await work.keys.add(replace(KEY, key_id="k2", user_id="u2"))
        await work.keys.add(replace(KEY, key_id="k3"))
        await work.grants.replace(replace(GRANT, approval_seconds=600))
    await world.policy.refresh()
    return Run(world)


async def run(batches: list[list[tuple[tuple[object, ...], int]]]) -> None:
    current = await start()
    for batch in batches:
        stopped = current.switch is not None and not any(step[0] == "lift" for step, _ in batch)
        before = current.answered
        ran = await asyncio.gather(*(current.step(step, turns) for step, turns in batch))
        current.answered += sum(ran)
        await current.remember()
        assert not stopped or current.answered == before, "a call ran while a kill switch stopped it"
    check(current)


def check(current: Run) -> None:
    """Check every call that ran against the request that let it run."""
    events = current.world.log.events
    attempts = [each for each in events if each.action is AuditAction.CALL_ATTEMPT]
    assert len(current.world.downstreams.calls) == len(attempts) == current.answered
    used = [each.details["approval_request"] for each in attempts]
    assert len(used) == len(set(used)), "an approval has served twice"
    for attempt in attempts:
        check_attempt(attempt, events, current.requests[attempt.details["approval_request"]])


def check_attempt(attempt: AuditEvent, events: list[AuditEvent], request: ApprovalRequest) -> None:
    before = [each for each in events[: events.index(attempt)] if each.resource.id == request.request_id]
    assert [each.action for each in before] == [
        AuditAction.REQUEST_ASK,
        AuditAction.REQUEST_APPROVE,
        AuditAction.REQUEST_USE,
    ]
    asked, approved, _ = before
    assert (attempt.actor.id, attempt.actor.key_id) == (request.user_id, request.key_id)
    assert (asked.actor.id, asked.actor.key_id) == (request.user_id, request.key_id)
    assert approved.actor.id != request.user_id
    assert attempt.resource.name == request.capability
    assert attempt.details["arguments"] == request.content["arguments"]
    assert attempt.at <= approved.at + timedelta(seconds=request.valid_seconds)


@examples(150)
@given(st.lists(TOGETHER, min_size=1, max_size=12))
def test_no_interleaving_lets_an_approval_serve_twice_or_another_call(
    batches: list[list[tuple[tuple[object, ...], int]]],
) -> None:
    asyncio.run(run(batches))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def digest(raw: bytes) -> str:
    return call_digest("tools/call", LOG_TOOL, {"arguments": raw})


@examples(300)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_spelling_of_the_same_arguments_makes_no_difference(arguments: dict[str, object]) -> None:
    plain = json.dumps(arguments).encode()
    backwards = json.dumps(dict(reversed(arguments.items())), indent=2, ensure_ascii=False)
    assert digest(plain) == digest(backwards.encode(errors="surrogatepass")) or "\\ud" in plain.decode()


@examples(300)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.dictionaries(st.text(max_size=5), VALUES))
def test_other_arguments_have_another_digest(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = json.dumps(one, sort_keys=True), json.dumps(other, sort_keys=True)
    assert (digest(first.encode()) == digest(second.encode())) == (first == second)


@examples(300)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_bytes_that_are_no_json_count_as_they_are(one: bytes, other: bytes) -> None:
    if one != other:
        same = digest(b"{" + one) == digest(b"{" + other)
        assert not same or is_json(b"{" + one)


def is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True
