"""Credentials are set, replaced and removed while calls run, in any order: no call brings one that it must not.

The pipeline and the connections are the real ones; the MCP answers over HTTP with the credential it received.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds, Place
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import NeutralRequest, Reply
from ambassador_server.services.calls.downstream_calls import DownstreamCalls
from ambassador_server.services.calls.in_flight import CallStoppedError
from tests.fakes.credential_lender import FakeCredentialLender
from tests.fakes.mcp_servers.echoing_http import serve_echoing
from tests.patience import PATIENCE
from tests.server.downstream.support import QUICK, http_entry
from tests.server.worlds import PRINCIPAL

NEEDS = CredentialNeeds(
    fields=(CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}"),)
)
USERS = ("alice", "bob", "carol")
_PARAMS = json.dumps({"name": "received", "arguments": {}}).encode()


@dataclass
class Call:
    """A call that has begun, with the values that its user may still be seen with."""

    user: str
    allowed: set[str | None]
    task: "asyncio.Task[str | None]"


@dataclass
class Running:
    """Users whose credentials change while they call; a value is used once, so that it tells when it was given."""

    pool: DownstreamPool
    lender: FakeCredentialLender
    mcp: Mcp
    current: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(USERS))
    calls: list[Call] = field(default_factory=list)
    number: int = 0

    def give(self, user: str) -> None:
        self.number += 1
        self._set(user, f"{user}-{self.number}")

    def remove(self, user: str) -> None:
        self._set(user, None)

    def refresh(self, user: str) -> None:
        """Replace the token of the same generation, if there is one."""
        lent = self.lender.given.get((user, "m1"))
        if lent is None:
            return
        self.number += 1
        value = f"{user}-{self.number}"
        self.lender.given[user, "m1"] = Credential(
            generation=lent.generation, headers={"Authorization": f"Bearer {value}"}, secrets=(value,)
        )
        self._changed(user, value)

    def begin(self, user: str) -> None:
        task = asyncio.get_running_loop().create_task(self._value_of_call(user))
        self.calls.append(Call(user, {self.current[user]}, task))

    async def check(self) -> None:
        """Wait for every call, and check what it brought."""
        async with asyncio.timeout(PATIENCE):
            for call in self.calls:
                brought = await call.task
                assert brought in call.allowed, (call.user, brought, call.allowed)
        self.calls.clear()

    def _set(self, user: str, value: str | None) -> None:
        if value is None:
            self.lender.remove(user, "m1")
        else:
            self.lender.give(user, "m1", value)
        self._changed(user, value)
        self.pool.credentials_changed(lambda _, changed: changed == user)

    def _changed(self, user: str, value: str | None) -> None:
        self.current[user] = value
        for call in self.calls:
            # A call that has begun may be sent with what was valid then, or with what came later.
            if call.user == user and not call.task.done():
                call.allowed.add(value)

    async def _value_of_call(self, user: str) -> str | None:
        calls = DownstreamCalls(self.pool, self.lender)

        async def send(credential: Credential) -> Reply:
            request = NeutralRequest(method="tools/call", params=_PARAMS, credential=credential)
            return await self.pool.call("m1", request, user_id=user, timeout=PATIENCE)

        try:
            principal = structs.replace(PRINCIPAL, user_id=user)
            lent = await calls.lend(principal, self.mcp)
            await asyncio.sleep(0)  # the attempt is recorded
            reply = await calls.send(principal, self.mcp, lent, send)
        except CallStoppedError:
            return None
        assert reply.result is not None
        received = json.loads(json.loads(reply.result)["content"][0]["text"])
        return str(received["headers"]["Authorization"].removeprefix("Bearer "))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["give", "give", "remove", "refresh", "begin", "begin", "wait", "check"]),
        st.sampled_from(USERS),
    ),
    min_size=10,
    max_size=60,
)


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    async with serve_echoing() as server:
        pool, mcp = DownstreamPool(limits=QUICK), replace(http_entry(server.url), credentials=NEEDS)
        pool.apply([mcp])
        try:
            yield Running(pool, FakeCredentialLender(), mcp)
        finally:
            async with asyncio.timeout(PATIENCE):
                await pool.close()


async def follow(steps: list[tuple[str, str]]) -> None:
    async with running() as world:
        for what, user in steps:
            if what == "wait":
                await asyncio.sleep(0.002)
            elif what == "check":
                await world.check()
            else:
                getattr(world, what)(user)
        await world.check()


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
@example(steps=[(what, "alice") for what in ("give", "begin", "check", "refresh", "begin")])
@example(steps=[(what, "alice") for what in ("give", "begin", "check", "remove", "begin", "give", "begin")])
@example(steps=[(what, "alice") for what in ("give", "begin", "check", "begin", "wait", "give", "begin")])
def test_no_call_brings_anothers_or_a_removed_credential(steps: list[tuple[str, str]]):
    asyncio.run(follow(steps))


async def test_many_users_at_once_bring_their_own():
    async with running() as world:
        people = [f"user{number}" for number in range(100)]
        world.current.update(dict.fromkeys(people))
        for person in people:
            world.give(person)
        for _ in range(3):
            for person in people:
                world.begin(person)
            await world.check()
