"""The credential of one session, on real processes and sockets: where it goes, and that nothing shows it."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.http.client import with_query
from ambassador_server.downstream.lent_credential import LentCredential
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.errors import CredentialRefusedError, DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.echoing_http import EchoingServer, serve_echoing
from tests.patience import PATIENCE
from tests.server.downstream.support import Bench, bench, entry, http_entry, tool_call

SECRET = "kJ8-very/secret+value"
LENT = Credential(
    generation="g1",
    headers={"Authorization": f"Bearer {SECRET}"},
    query={"api key": SECRET},
    secrets=(SECRET,),
)
OF_PROGRAM = Credential(
    generation="g1",
    environment={"CREDENTIAL_TOKEN": SECRET},
    arguments=(f"--token={SECRET}",),
    secrets=(SECRET,),
)


def program(*flags: str) -> Mcp:
    return entry("stdio", stdio_options(*flags, "--", server="echoing_server"))


@asynccontextmanager
async def opened(
    mcp: Mcp, credential: Credential | None, lent: LentCredential | None = None
) -> AsyncIterator[DownstreamSession]:
    session = DownstreamSession(mcp, lent or LentCredential(credential), ProgramSettings())
    try:
        await session.open(None, PATIENCE)
        yield session
    finally:
        await session.close()


async def received(session: DownstreamSession, tool: str = "received") -> dict[str, Any]:
    reply = await session.request(tool_call(json.dumps({"name": tool}).encode()), "u1")
    assert reply.result is not None, reply
    found = json.loads(json.loads(reply.result)["content"][0]["text"])
    assert isinstance(found, dict)
    return found


def urls(server: EchoingServer) -> tuple[Mcp, ...]:
    return http_entry(server.url), entry("sse", {"url": server.sse_url})


async def test_a_program_gets_environment_and_arguments_when_it_starts():
    async with opened(program(), OF_PROGRAM) as session:
        found = await received(session)
    assert found["environment"] == {"CREDENTIAL_TOKEN": SECRET}
    assert found["arguments"] == [f"--token={SECRET}"]


async def test_a_program_without_a_credential_gets_nothing():
    async with opened(program(), None) as session:
        found = await received(session)
    assert (found["environment"], found["arguments"]) == ({}, [])


@pytest.mark.parametrize("kind", [0, 1])
async def test_every_request_over_http_has_headers_and_query(kind: int):
    async with serve_echoing() as server:
        async with opened(urls(server)[kind], LENT) as session:
            found = await received(session)
            if kind == 0:
                assert not await session._transport.listen()
        assert found["headers"]["Authorization"] == f"Bearer {SECRET}"
        assert found["query"] == {"api key": SECRET}
        methods = {"POST", "GET", "DELETE"} if kind == 0 else {"POST", "GET"}
        assert {method for method, _, _ in server.seen} == methods
        assert all(
            (each["headers"]["Authorization"], each["query"]) == (f"Bearer {SECRET}", {"api key": SECRET})
            for _, _, each in server.seen
        )


@pytest.mark.parametrize("kind", [0, 1])
async def test_a_refreshed_token_is_sent_over_the_same_connection(kind: int):
    async with serve_echoing() as server:
        lent = LentCredential(LENT)
        async with opened(urls(server)[kind], LENT, lent) as session:
            sessions = set(server.sessions)
            lent.replace(
                Credential(generation="g1", headers={"Authorization": "Bearer second"}, secrets=("second",))
            )
            found = await received(session)
            assert server.sessions == sessions
        assert found == {"headers": {"Authorization": "Bearer second"}, "query": {}}
        assert lent.hide(f"second after {SECRET}") == "[redacted] after [redacted]"


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_told_with_the_challenge(kind: int, status: int):
    async with serve_echoing() as server:
        server.accepted, server.status = {f"Bearer {SECRET}"}, status
        async with opened(urls(server)[kind], LENT) as session:
            assert await received(session)
            server.accepted = set()
            with pytest.raises(CredentialRefusedError) as refused:
                await received(session)
        assert refused.value.challenge == 'Bearer error="invalid_token"'
        assert refused.value.is_known is (status == 403)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("kind", [0, 1])
async def test_a_credential_that_is_refused_at_the_handshake_is_told_with_the_challenge(kind: int):
    async with serve_echoing() as server:
        server.accepted = set()
        with pytest.raises(CredentialRefusedError) as refused:
            async with opened(urls(server)[kind], LENT):
                pass
        assert refused.value.challenge == 'Bearer error="invalid_token"'


async def test_a_credential_goes_to_no_other_origin():
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{other_port}/stolen")

    async with _served(note) as other_port, _served(redirect) as port:
        for mcp in (
            http_entry(f"http://127.0.0.1:{port}/mcp"),
            entry("sse", {"url": f"http://127.0.0.1:{port}/"}),
        ):
            with pytest.raises(DownstreamUnavailableError, match="redirects are not followed"):
                async with opened(mcp, LENT):
                    pass
    assert seen == []


@asynccontextmanager
async def _served(handler: Any) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_output_of_a_program_does_not_show_the_credential():
    async with opened(program(), OF_PROGRAM) as session:
        await received(session, "leak")
        await session.close()
        shown = " ".join(session.recent_output())
    assert "the credential is [redacted], and again" in shown
    assert SECRET not in shown


async def test_a_long_value_is_masked_as_a_whole():
    long = "abcdefghijklmnopqrstuvwxyz0123456789" * 80
    credential = Credential(generation="g", environment={"CREDENTIAL_X": long}, secrets=(long,))
    async with opened(program(), credential) as session:
        await received(session, "leak")
        await session.close()
        shown = " ".join(session.recent_output())
    assert "the credential is [redacted]" in shown
    assert "0123" not in shown


async def test_a_probe_uses_the_credential_and_shows_it_nowhere(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    caplog.set_level(logging.DEBUG)
    script = tmp_path / "failing.py"
    script.write_text("import os, sys\nsys.exit(f'no: {os.environ[\"CREDENTIAL_TOKEN\"]} {sys.argv}')\n")
    async with bench() as box:
        assert {tool.name for tool in await box.pool.probe(program(), OF_PROGRAM)} >= {"received"}
        failing = entry("stdio", {"command": ["python3", str(script)]})
        with pytest.raises(DownstreamUnavailableError, match="no: \\[redacted\\]") as failed:
            await box.pool.probe(failing, OF_PROGRAM)
        shown = [*(line.text for line in box.pool.recent_output("m1")), str(failed.value), caplog.text]
        assert not [text for text in shown if SECRET in text]


async def test_a_probe_with_a_refused_credential_says_so():
    async with serve_echoing() as server:
        server.accepted = set()
        with pytest.raises(
            DownstreamUnavailableError, match="refused the credentials \\(HTTP 401\\)"
        ) as failed:
            await Bench().pool.probe(http_entry(server.url), LENT)
        assert SECRET not in str(failed.value)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/mcp", "/mcp?key=a%26b"),
        ("/mcp?x=1", "/mcp?x=1&key=a%26b"),
        ("/mcp?key=old&x=%2F&k%65y=older", "/mcp?x=%2F&key=a%26b"),
    ],
)
def test_a_parameter_replaces_those_of_the_same_name(target: str, expected: str):
    assert with_query(target, {"key": "a&b"}) == expected


@given(
    secret=st.text(min_size=4, max_size=40).filter(lambda text: text.strip() == text),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_a_value_is_hidden_in_any_text(secret: str, before: str, after: str):
    lent = LentCredential(Credential(generation="g", secrets=(secret,)))
    for form in (secret, json.dumps(secret)[1:-1]):
        assert form not in lent.hide(before + form + after).replace("[redacted]", "\0")


def test_values_of_all_tokens_of_a_connection_are_hidden():
    lent = LentCredential(Credential(generation="g", secrets=("first-token",)))
    lent.replace(Credential(generation="g", secrets=("second-token",)))
    assert lent.mask("first-token, second-token") == "[redacted], [redacted]"


def test_an_empty_or_short_value_masks_nothing():
    lent = LentCredential(Credential(generation="g", secrets=("", "a", "abc")))
    assert lent.mask("an abc") == "an abc"
