"""Connections of users with a credential each: kept apart, replaced and ended after their calls in flight."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds, Place
from ambassador_server.domain.catalog.mcps import DownstreamStatus, Isolation, Mcp, Sessions
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.errors import (
    CredentialMissingError,
    CredentialRefusedError,
    DownstreamUnavailableError,
)
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.ports.exchange import NeutralRequest
from tests.fakes.credential_lender import FakeCredentialLender
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.asking_server import AskingHttpServer, serve_asking
from tests.fakes.mcp_servers.echoing_http import serve_echoing
from tests.patience import PATIENCE
from tests.server.downstream.support import (
    QUICK,
    Listener,
    children,
    entry,
    http_entry,
    result,
    until_childless,
    until_dead,
)

OF_USER = CredentialNeeds(
    fields=(CredentialField(name="token", place=Place.ENVIRONMENT, target="CREDENTIAL_TOKEN"),)
)
OF_HEADER = CredentialNeeds(
    fields=(CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}"),)
)
SHARED = CredentialNeeds(
    fields=(
        CredentialField(
            name="token", place=Place.ENVIRONMENT, target="CREDENTIAL_TOKEN", reference="env://SHARED"
        ),
    )
)


def variable(value: str, generation: str = "") -> Credential:
    return Credential(
        generation=generation or value, environment={"CREDENTIAL_TOKEN": value}, secrets=(value,)
    )


def header(value: str, generation: str = "") -> Credential:
    return Credential(
        generation=generation or value, headers={"Authorization": f"Bearer {value}"}, secrets=(value,)
    )


def program(needs: CredentialNeeds = OF_USER, *flags: str) -> Mcp:
    mcp = entry("stdio", stdio_options(*flags, "--", server="echoing_server"))
    return replace(mcp, credentials=needs)


class Lender(FakeCredentialLender):
    """Lends what this server's own connections use."""

    def __init__(self, lent: Credential | Missing) -> None:
        super().__init__()
        self.lent = lent

    async def for_listing(self, mcp: Mcp) -> Credential | Missing:
        return self.lent


class Users:
    """A pool, and the calls of users to its entry."""

    def __init__(self, pool: DownstreamPool) -> None:
        self.pool = pool
        self.listener = Listener()
        pool.subscribe(self.listener)

    async def received(
        self, user: str, credential: Credential | None, tool: str = "received", **arguments: Any
    ) -> dict[str, Any]:
        params = json.dumps({"name": tool, "arguments": arguments}).encode()
        request = NeutralRequest(method="tools/call", params=params, credential=credential)
        reply = await self.pool.call("m1", request, user_id=user, timeout=PATIENCE)
        found = json.loads(result(reply)["content"][0]["text"])
        assert isinstance(found, dict)
        return found

    async def value(self, user: str, credential: Credential) -> str:
        received = await self.received(user, credential)
        return str(received["environment"]["CREDENTIAL_TOKEN"])

    async def subscribed(self, user: str, credential: Credential) -> None:
        """Wait until the user's session has subscribed to the resource."""
        async with asyncio.timeout(PATIENCE):
            while not (await self._found("declared", user, credential))["subscribed"]:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)

    async def updated(self, user: str, credential: Credential) -> None:
        await self._found("update", user, credential, uri="memo://1")

    async def _found(self, tool: str, user: str, credential: Credential, **arguments: Any) -> dict[str, Any]:
        params = json.dumps({"name": tool, "arguments": arguments}).encode()
        request = NeutralRequest(method="tools/call", params=params, credential=credential)
        reply = await self.pool.call("m1", request, user_id=user, timeout=PATIENCE)
        found = result(reply)["structuredContent"]["found"]
        return found if isinstance(found, dict) else {}

    async def holding(
        self, user: str, credential: Credential, until: Path
    ) -> "asyncio.Future[dict[str, Any]]":
        """Begin a call that ends when the file exists, and return when its program has taken it."""
        call = asyncio.ensure_future(self.received(user, credential, "hold", until=str(until)))
        await asyncio.sleep(0)
        _ = await self.received(user, credential)
        return call


@asynccontextmanager
async def running(mcp: Mcp, lent: Credential | Missing | None = None, **limits: Any) -> AsyncIterator[Users]:
    lender = None if lent is None else Lender(lent)
    users = Users(
        DownstreamPool(
            limits=QUICK,
            user_limits=UserLimits(**limits),
            lender=lender,
        )
    )
    try:
        users.pool.apply([mcp])
        await users.listener.ready("m1")
        yield users
    finally:
        async with asyncio.timeout(PATIENCE):
            await users.pool.close()


async def until_true(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "how", [{}, {"isolation": Isolation.SHARED, "sessions": Sessions.AUTO}, {"isolation": Isolation.PER_USER}]
)
async def test_each_user_has_a_process_with_the_own_credential(how: dict[str, Any]):
    async with running(replace(program(), **how)) as users:
        found = await asyncio.gather(
            *(users.received(f"user{number}", variable(f"value{number}")) for number in range(6))
        )
        assert [each["environment"]["CREDENTIAL_TOKEN"] for each in found] == [
            f"value{number}" for number in range(6)
        ]
        assert len({each["process"] for each in found}) == len(children()) == 6


async def test_an_entry_that_users_list_has_no_connection_of_its_own():
    async with running(program()) as users:
        assert users.pool.state("m1").status is DownstreamStatus.READY
        assert users.pool.activity("m1").connections == 0
        assert not children()


async def test_a_call_without_a_credential_reaches_nothing():
    async with running(program()) as users:
        with pytest.raises(CredentialMissingError):
            await users.received("alice", None)
        assert not children()


async def test_a_call_in_flight_ends_with_the_credential_that_it_began_with(tmp_path: Path):
    done = tmp_path / "done"
    async with running(program()) as users:
        held = await users.holding("alice", variable("first"), done)
        assert await users.value("alice", variable("second")) == "second"
        assert len(children()) == 2
        done.touch()
        first = await held
        assert first["environment"] == {"CREDENTIAL_TOKEN": "first"}
        await until_dead(first["process"])
        assert await users.value("alice", variable("second")) == "second"
        assert len(children()) == 1


async def test_an_idle_connection_is_replaced_at_once():
    async with running(program()) as users:
        first = await users.received("alice", variable("first"))
        assert await users.value("alice", variable("second")) == "second"
        await until_dead(first["process"])


async def test_a_connection_with_a_replaced_credential_does_not_wait_for_its_calls_without_end(
    tmp_path: Path,
):
    async with running(program(), retire=0.05) as users:
        held = await users.holding("alice", variable("first"), tmp_path / "never")
        await users.value("alice", variable("second"))
        with pytest.raises(DownstreamUnavailableError, match="was stopped"):
            await held


async def test_a_removed_credential_ends_the_connection_without_a_call(tmp_path: Path):
    done = tmp_path / "done"
    async with running(program()) as users:
        bob = await users.received("bob", variable("bobs"))
        idle = await users.received("alice", variable("first"))
        users.pool.credentials_changed(lambda mcp_id, user_id: (mcp_id, user_id) == ("m1", "alice"))
        await until_dead(idle["process"])
        held = await users.holding("alice", variable("third"), done)
        users.pool.credentials_changed(lambda mcp_id, user_id: user_id == "alice")
        assert not held.done()
        done.touch()
        await until_dead((await held)["process"])
        assert (await users.received("bob", variable("bobs")))["process"] == bob["process"]


async def test_a_connection_with_a_removed_credential_does_not_connect_again(tmp_path: Path):
    async with running(program()) as users:
        held = await users.holding("alice", variable("first"), tmp_path / "never")
        users.pool.credentials_changed(lambda *_: True)
        (process,) = children()

        os.kill(process, signal.SIGKILL)
        with pytest.raises(DownstreamUnavailableError, match="SIGKILL"):
            await held
        await until_childless()
        assert users.pool.activity("m1").connections == 0


async def test_a_refreshed_token_goes_over_the_same_session():
    async with (
        serve_echoing() as server,
        running(replace(http_entry(server.url), credentials=OF_HEADER)) as users,
    ):
        assert (await users.received("alice", header("one", "g")))["headers"] == {
            "Authorization": "Bearer one"
        }
        sessions = set(server.sessions)
        assert (await users.received("alice", header("two", "g")))["headers"] == {
            "Authorization": "Bearer two"
        }
        assert server.sessions == sessions
        assert (await users.received("alice", header("three", "h")))["headers"] == {
            "Authorization": "Bearer three"
        }
        assert server.sessions != sessions


async def test_a_refused_credential_is_an_error_of_its_own_and_another_is_used_at_once():
    async with serve_echoing() as server:
        server.accepted = {"Bearer good"}
        patient = replace(http_entry(server.url), credentials=OF_HEADER)
        async with running(patient) as users:
            for _ in range(2):
                with pytest.raises(CredentialRefusedError) as refused:
                    await users.received("alice", header("bad", "g"))
                assert refused.value.challenge == 'Bearer error="invalid_token"'
                assert "bad" not in refused.value.message
            assert await users.received("alice", header("good", "g"))
            server.accepted = set()
            with pytest.raises(CredentialRefusedError):
                await users.received("alice", header("good", "g"))


async def test_the_entry_itself_uses_the_shared_value_and_users_share_the_process():
    async with running(program(SHARED), variable("shared")) as users:
        found = await asyncio.gather(*(users.received(f"u{n}", variable("shared")) for n in range(3)))
        assert [each["environment"] for each in found] == 3 * [{"CREDENTIAL_TOKEN": "shared"}]
        assert len(children()) == 1


async def test_an_entry_whose_shared_value_cannot_be_read_is_not_started():
    lender = Lender(Missing(because=MissingBecause.REFERENCE_UNUSABLE, fields=("token",)))
    users = Users(DownstreamPool(limits=QUICK, lender=lender))
    users.pool.apply([program(SHARED)])
    try:
        change = await users.listener.status(DownstreamStatus.DEGRADED)
        assert "the value of token that all users share cannot be had" in (change.error or "")
        assert not children()
        lender.lent = variable("shared")
        await users.listener.ready("m1")
    finally:
        await users.pool.close()


async def test_a_shared_program_is_replaced_after_its_calls_when_the_shared_value_is(tmp_path: Path):
    lender, done = Lender(variable("old")), tmp_path / "done"
    users = Users(DownstreamPool(limits=replace(QUICK, retire=PATIENCE), lender=lender))
    users.pool.apply([program(SHARED)])
    try:
        await users.listener.ready("m1")
        held = await users.holding("alice", variable("old"), done)
        lender.lent = variable("new")
        found = await users.received("bob", variable("new"))
        assert found["environment"] == {"CREDENTIAL_TOKEN": "new"}
        assert (await users.received("alice", variable("new")))["process"] == found["process"]
        done.touch()
        ended = await held
        assert ended["environment"] == {"CREDENTIAL_TOKEN": "old"}
        await until_dead(ended["process"])
    finally:
        await users.pool.close()


async def test_calls_of_many_users_do_not_hurry_to_a_downstream_that_is_away():
    patient = replace(QUICK, first_retry=PATIENCE, early=PATIENCE)
    users = Users(DownstreamPool(limits=patient, lender=Lender(header("shared"))))
    needs = CredentialNeeds(fields=(replace(OF_HEADER.fields[0], reference="env://SHARED"),))
    users.pool.apply([replace(http_entry("http://127.0.0.1:9/mcp"), credentials=needs)])
    try:
        await users.listener.status(DownstreamStatus.DEGRADED)
        for number in range(4):
            with pytest.raises(DownstreamUnavailableError):
                await users.received(f"u{number}", header("shared"))
        assert users.pool.activity("m1").restarts == 0
    finally:
        await users.pool.close()


async def test_what_shows_the_value_of_a_user_is_offered_to_nobody():
    async with running(program(OF_USER, "--own-tools")) as users:
        await users.received("alice", variable("a-secret-of-alice"))
        await until_true(lambda: bool(users.pool.state("m1").tools))
        state = users.pool.state("m1")
        assert "received" in {tool.name for tool in state.tools}
        assert state.report.left_out_count == 1
        assert "a-secret-of-alice" not in repr(state)


async def test_what_connections_of_users_list_is_adopted_until_a_restart():
    async with running(program(OF_USER, "--own-tools")) as users:

        def tools() -> set[str]:
            return {tool.name for tool in users.pool.state("m1").tools}

        assert tools() == set()
        await users.received("alice", variable("a1"))
        await until_true(lambda: "of_a1" in tools())
        await users.received("bob", variable("b1"))
        await until_true(lambda: {"received", "of_a1", "of_b1"} <= tools())
        users.pool.restart("m1")
        assert {"of_a1", "of_b1"} <= tools(), "until the first connection lists again"
        await users.received("alice", variable("a1"))
        await until_true(lambda: "of_b1" not in tools())
        assert "of_a1" in tools()


async def test_watched_resources_move_to_the_connection_with_the_new_credential():
    needs = CredentialNeeds(
        fields=(CredentialField(name="key", place=Place.HEADER, target="X-Key", listing_reference="env://X"),)
    )
    first, second = header("first"), header("second")
    async with serve_asking(AskingHttpServer()) as server:
        mcp = replace(http_entry(server.url), credentials=needs, sessions=Sessions.AUTO)
        async with running(mcp, header("own")) as users:
            heard: list[bytes] = []
            end = users.pool.watch_resource(
                "m1", "memo://1", user_id="alice", listener=heard.append, credential=first
            )
            await users.subscribed("alice", first)
            await users.updated("alice", first)
            await until_true(lambda: len(heard) == 1)
            await users.subscribed("alice", second)
            await users.updated("alice", second)
            await until_true(lambda: len(heard) == 2)
            users.pool.credentials_changed(lambda *_: True)
            users.pool.restart("m1")
            await users.subscribed("alice", header("third"))
            await users.updated("alice", header("third"))
            await until_true(lambda: len(heard) == 3)
            end()


async def test_a_watch_does_not_bring_its_credential_to_another_address():
    needs = CredentialNeeds(
        fields=(CredentialField(name="key", place=Place.HEADER, target="X-Key", listing_reference="env://X"),)
    )
    async with serve_asking(AskingHttpServer()) as server, serve_echoing() as other:
        mcp = replace(http_entry(server.url), credentials=needs, sessions=Sessions.AUTO)
        async with running(mcp, header("own")) as users:
            end = users.pool.watch_resource(
                "m1", "memo://1", user_id="alice", listener=list[bytes]().append, credential=header("first")
            )
            await users.subscribed("alice", header("first"))
            users.pool.apply([replace(mcp, options={**mcp.options, "url": other.url})])
            assert users.pool.activity("m1").connections == 0
            assert [user for user, _ in users.pool._users.of_entry("m1")] == []
            end()


async def test_the_lender_is_told_of_a_refused_value_and_another_is_used():
    needs = CredentialNeeds(fields=(replace(OF_HEADER.fields[0], reference="env://SHARED"),))
    async with serve_echoing() as server:
        server.accepted = {"Bearer good"}
        lender = Lender(header("bad"))
        users = Users(DownstreamPool(limits=QUICK, lender=lender))
        users.pool.apply([replace(http_entry(server.url), credentials=needs)])
        try:
            change = await users.listener.status(DownstreamStatus.DEGRADED)
            assert change.error == "refused the credentials (HTTP 401)"
            assert lender.refusals[0] == ("", "bad", 'Bearer error="invalid_token"')
            lender.lent = header("good")
            await users.listener.ready("m1")
        finally:
            await users.pool.close()


async def test_an_entry_that_nobody_has_listed_says_so_until_a_user_has():
    async with running(program()) as users:
        (warning,) = users.pool.state("m1").report.warnings
        assert warning.startswith("what it offers becomes known when a user")
        await users.received("alice", variable("a1"))
        await until_true(lambda: users.pool.state("m1").report.warnings == ())
