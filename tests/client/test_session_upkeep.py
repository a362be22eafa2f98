"""The task that keeps the session alive, in this process with short intervals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ambassador_client.account.session_cache import Slot
from ambassador_client.errors import BadAnswerError, ClientError, ServerRefusedError, UnreachableError
from ambassador_client.link import session_api
from ambassador_client.link.http_client import HttpClient
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.key_source import KeySource
from ambassador_client.proxy.proofs import SessionProof
from ambassador_client.proxy.session import Session, pause_after
from ambassador_protocol.paths import REGISTER
from ambassador_protocol.sessions import RegisterRequest
from tests.client.fake_server import KEY, FakeServer
from tests.patience import PATIENCE

ME = RegisterRequest(preshared_key=KEY, friendly_name="me", host_tool="cli")
LIST = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'


class Watcher:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed = asyncio.Event()
        self.recovered = asyncio.Event()

    def report(self, line: str) -> None:
        self.lines.append(line)
        self.failed.set()


@asynccontextmanager
async def kept(server: FakeServer, heartbeat_seconds: float) -> AsyncIterator[tuple[Session, Watcher]]:
    watcher = Watcher()
    http = HttpClient(server.url, None)
    session = Session(
        http,
        SessionProof(KeySource(lambda: ME), Slot),
        heartbeat_seconds=heartbeat_seconds,
        report=watcher.report,
    )
    maintaining = asyncio.create_task(session.run(watcher.recovered.set))
    try:
        yield session, watcher
    finally:
        maintaining.cancel()
        await asyncio.wait([maintaining])
        await session.close()


async def post(session: Session) -> int:
    async with session.post([("Content-Type", "application/json")], LIST, replayable=True) as response:
        await response.read()
        return response.status


async def test_heartbeats_are_sent_while_there_is_a_session(server: FakeServer):
    async with kept(server, 0.01):
        await server.until(lambda: server.heartbeats >= 3)
    assert len(server.registrations) == 1


async def test_a_refused_key_is_offered_again_only_when_it_may_be_another(server: FakeServer):
    watcher, marks, keys = Watcher(), [1], [KEY]
    server.key = "another"
    session = Session(
        HttpClient(server.url, None),
        SessionProof(KeySource(lambda: replace(ME, preshared_key=keys[0]), lambda: marks[0]), Slot),
        heartbeat_seconds=60,
        report=watcher.report,
    )
    maintaining = asyncio.create_task(session.run(watcher.recovered.set))
    for _ in range(20):
        with pytest.raises(ServerRefusedError):
            await post(session)
    assert server.requests.count(f"POST {REGISTER}") == 1
    marks[0] = 2
    for _ in range(20):
        with pytest.raises(ServerRefusedError):
            await post(session)
    assert server.requests.count(f"POST {REGISTER}") == 2, "it is the same key"
    keys[0], marks[0] = "another", 3
    assert await post(session) == 200
    server.forget_sessions()
    server.key = "a third"
    with pytest.raises(ServerRefusedError):
        await post(session)
    watcher.recovered.clear()
    keys[0], marks[0] = "a third", 4
    async with asyncio.timeout(PATIENCE):
        await watcher.recovered.wait()
    assert await post(session) == 200
    maintaining.cancel()
    await asyncio.wait([maintaining])
    await session.close()


async def test_a_key_that_is_replaced_during_a_heartbeat_is_used_after_it(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
):
    watcher, saved = Watcher(), [KEY]
    sent, answered = asyncio.Event(), asyncio.Event()
    heartbeat = session_api.heartbeat

    async def slow_heartbeat(http: HttpClient, token: str) -> bool:
        sent.set()
        await answered.wait()
        return await heartbeat(http, token)

    monkeypatch.setattr(session_api, "heartbeat", slow_heartbeat)
    key = KeySource(lambda: replace(ME, preshared_key=saved[0]), lambda: saved[0], lambda: saved[0])
    http = HttpClient(server.url, None)
    session = Session(http, SessionProof(key, Slot), heartbeat_seconds=0.01, report=watcher.report)
    maintaining = asyncio.create_task(session.run(watcher.recovered.set))
    async with asyncio.timeout(PATIENCE):
        await sent.wait()
    server.key = saved[0] = "another"
    answered.set()
    await server.until(lambda: len(server.registrations) == 2 or server.heartbeats > 3)
    assert [each["preshared_key"] for each in server.registrations] == [KEY, "another"]
    maintaining.cancel()
    await asyncio.wait([maintaining])
    await session.close()


async def test_no_heartbeats_are_sent_without_a_session(server: FakeServer):
    server.key = "another"
    async with kept(server, 0.01) as (session, _):
        with pytest.raises(ServerRefusedError):
            await post(session)
    assert server.heartbeats == 0


async def test_an_ended_session_is_replaced_at_the_next_heartbeat(server: FakeServer):
    async with kept(server, 0.01) as (session, watcher):
        await server.until(lambda: server.heartbeats >= 1)
        server.forget_sessions()
        await server.until(lambda: len(server.registrations) == 2)
        assert await post(session) == 200
        assert watcher.lines == []


async def test_heartbeats_detect_a_restarted_server(server: FakeServer):
    async with kept(server, 0.01) as (session, watcher):
        await server.until(lambda: server.heartbeats >= 1)
        await server.stop()
        async with asyncio.timeout(PATIENCE):
            await watcher.failed.wait()
        with pytest.raises(UnreachableError):
            await post(session)
        await server.start()
        async with asyncio.timeout(PATIENCE):
            await watcher.recovered.wait()
        assert watcher.lines[0].startswith("AMB-5001")
        assert watcher.lines[-1] == f"connected to {server.url}"


async def test_closing_twice_or_without_a_session_is_harmless(server: FakeServer):
    session = Session(
        HttpClient(server.url, None),
        SessionProof(KeySource(lambda: ME), Slot),
        heartbeat_seconds=1,
        report=lambda _: None,
    )
    await session.close()
    assert server.disconnected == []


@pytest.mark.parametrize("failures", [1, 3, 50])
def test_retries_of_an_unreachable_server_back_off(failures: int):
    longest = min(0.5 * 2 ** (failures - 1), 30)
    pauses = {pause_after(UnreachableError("gone"), failures) for _ in range(20)}
    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(pauses) > 1


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (refusal(429, b"", "17"), 17, 18),
        (refusal(503, b"", "17"), 17, 18),
        (refusal(503, b"", "999999999"), 3600, 3601),
        (refusal(503, b"", "-1"), 0.25, 0.5),
        (refusal(429, b"", "soon"), 0.25, 0.5),
        (refusal(429, b"", "\u00b2"), 0.25, 0.5),
        (refusal(503, b"", "Wed, 21 Oct 2015 07:28:00 GMT"), 0, 1),
        (refusal(503, b"", "Wed, 21 Oct 2099 07:28:00 GMT"), 3600, 3601),
        (refusal(500, b""), 0.25, 0.5),
        (refusal(401, b""), 150, 300),
        (refusal(400, b""), 150, 300),
        (BadAnswerError("html"), 0.25, 0.5),
    ],
)
def test_the_pause_depends_on_the_error(error: ClientError, least: float, most: float):
    assert least <= pause_after(error, 1) <= most
