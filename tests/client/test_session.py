"""The session of a proxy process: registration, renewal, loss and recovery."""

import asyncio
from pathlib import Path

import pytest

from tests.client.fake_server import KEY, FakeServer
from tests.client.host import Host, environment, host

CHANGED = [f"notifications/{name}/list_changed" for name in ("tools", "resources", "prompts")]


async def test_the_proxy_registers_at_start_with_its_identity(server: FakeServer, state: Path):
    more = {"MCP_AMBASSADOR_FRIENDLY_NAME": "laptop", "MCP_AMBASSADOR_HOST_TOOL": "cursor"}
    async with host(environment(server.url, state, **more)):
        await server.until(lambda: len(server.sessions) == 1)
    assert server.registrations == [{"preshared_key": KEY, "friendly_name": "laptop", "host_tool": "cursor"}]


async def test_a_path_prefix_of_the_address_is_kept(server: FakeServer, state: Path):
    async with host(environment(f"{server.url}/some/prefix/", state)) as proxy:
        assert "result" in await proxy.request("tools/list")


async def test_a_lost_session_is_renewed_and_the_message_repeated(server: FakeServer, proxy: Host):
    await proxy.call("echo")
    server.forget_sessions()
    assert "result" in await proxy.call("echo", {"n": 2})
    assert len(server.registrations) == 2
    assert len(server.calls) == 2


async def test_many_refused_calls_register_once(server: FakeServer, proxy: Host):
    await proxy.call("echo")
    server.forget_sessions()
    ids = [proxy.start_request("tools/call", {"name": "echo", "arguments": {}}) for _ in range(50)]
    for number in ids:
        assert "result" in await proxy.answer(number)
    assert len(server.registrations) == 2


async def test_a_call_is_refused_when_the_new_session_is_refused_too(server: FakeServer, proxy: Host):
    server.tokens_work = False
    error = (await proxy.call("echo"))["error"]
    assert error["code"] == -31005
    assert error["message"].startswith("AMB-2002 The session is not valid.")
    assert len(server.registrations) == 2


@pytest.mark.parametrize("modern", [False, True])
async def test_an_unreachable_server_is_reported_to_the_host(server: FakeServer, state: Path, modern: bool):
    await server.stop()
    async with host(environment(server.url, state)) as proxy:
        assert "result" in await proxy.initialize()
        assert "result" in await proxy.request("server/discover", modern=True)
        for method in ("tools/list", "tools/call"):
            error = (await proxy.request(method, {"name": "echo"}, modern=modern))["error"]
            assert error["code"] == -31004
            assert error["message"].startswith(
                f"AMB-5001 cannot reach {server.url} : connection refused. Is the server"
            )
            assert error["data"] == {"code": "AMB-5001"}


async def test_the_host_is_notified_when_the_server_becomes_reachable(server: FakeServer, state: Path):
    await server.stop()
    async with host(environment(server.url, state)) as proxy:
        await proxy.initialize()
        assert "error" in await proxy.request("tools/list")
        await server.start()
        await proxy.until(lambda: [note["method"] for note in proxy.notifications] == CHANGED)
        assert "tools" in (await proxy.request("tools/list"))["result"]


async def test_a_modern_host_gets_no_unsolicited_notifications(server: FakeServer, state: Path):
    await server.stop()
    async with host(environment(server.url, state)) as proxy:
        assert "error" in await proxy.request("tools/list", modern=True)
        await server.start()
        await proxy.until_said(f"connected to {server.url}")
        assert "result" in await proxy.request("tools/list", modern=True)
        assert proxy.notifications == []


async def test_the_proxy_reconnects_after_a_restart_of_the_server(server: FakeServer, proxy: Host):
    await proxy.initialize()
    await proxy.call("echo")
    await server.stop()
    assert "connection refused" in (await proxy.call("echo"))["error"]["message"]
    server.forget_sessions()
    await server.start()
    await proxy.until(lambda: [note["method"] for note in proxy.notifications] == CHANGED)
    assert "result" in await proxy.call("echo")
    assert proxy.errors.count("AMB-5001") == 1


async def test_a_restart_between_two_calls_causes_no_error(server: FakeServer, proxy: Host):
    await proxy.call("echo")
    await server.stop()
    await server.start()
    # The proxy may not have noticed the closed connection yet; then only a replayable message is repeated.
    assert "result" in await proxy.request("tools/list")


@pytest.mark.parametrize("modern", [False, True])
async def test_a_refused_key_is_reported_and_not_retried_quickly(
    server: FakeServer, state: Path, modern: bool
):
    server.key = "amb_pk_" + "x" * 48
    async with host(environment(server.url, state)) as proxy:
        assert "result" in await proxy.initialize()
        for _ in range(5):
            error = (await proxy.request("tools/list", modern=modern))["error"]
            assert error["code"] == -31005
            assert error["message"] == (
                "AMB-2001 The preshared key is not valid. "
                "Ask your administrator for a new key or code and log in with it, "
                "or correct MCP_AMBASSADOR_PRESHARED_KEY."
            )
            assert error["data"] == {"code": "AMB-2001", "request_id": "req-1"}
        await proxy.leave()
    assert len(server.registrations) == 1
    assert KEY not in proxy.errors
    assert proxy.errors.count("AMB-2001") == 1


async def test_retry_after_is_respected(server: FakeServer, state: Path):
    busy = {"code": "AMB-2003", "error": "rate_limit_exceeded", "message": "Too many registrations."}
    server.refusals = [(429, busy, {"Retry-After": "1"})]
    async with host(environment(server.url, state)) as proxy:
        await proxy.initialize()
        error = (await proxy.request("tools/list"))["error"]
        assert error["message"] == "AMB-2003 Too many registrations. Try again in 1 s."
        assert error["code"] == -31008
        assert (await proxy.request("tools/list"))["error"]["code"] == -31008
        assert len(server.registrations) == 1
        await proxy.until(lambda: [note["method"] for note in proxy.notifications] == CHANGED)
    assert len(server.registrations) == 2


async def test_a_server_error_is_retried(server: FakeServer, state: Path):
    server.refusals = [(503, b"<html>starting</html>", {}), (500, {"message": "Broken"}, {})]
    async with host(environment(server.url, state)) as proxy:
        await proxy.until_said("AMB-1008 the server answered HTTP 503.")
        await proxy.until_said("AMB-5005 Broken.")
        await proxy.until_said("connected to")
        assert "result" in await proxy.call("echo")


async def test_another_program_at_the_address_is_reported(server: FakeServer, state: Path):
    server.refusals = [(200, b"<html>Welcome</html>", {}), (201, {"session_token": "no newlines\r\n"}, {})]
    async with host(environment(server.url, state)) as proxy:
        error = (await proxy.request("tools/list"))["error"]
        assert error["message"].startswith(
            f"AMB-5005 {server.url} does not answer like an MCP Ambassador server."
        )


@pytest.mark.parametrize(
    ("variables", "code", "told"),
    [
        ({"MCP_AMBASSADOR_URL": ""}, "AMB-5003", "Set MCP_AMBASSADOR_URL"),
        ({"MCP_AMBASSADOR_PRESHARED_KEY": ""}, "AMB-5004", "Set MCP_AMBASSADOR_PRESHARED_KEY"),
        ({"MCP_AMBASSADOR_URL": "http://example.com"}, "AMB-5003", "clear text"),
        ({"MCP_AMBASSADOR_CA_FILE": "/no/such/file"}, "AMB-5003", "cannot read"),
    ],
)
async def test_invalid_settings_are_reported_to_the_host(
    state: Path, variables: dict[str, str], code: str, told: str
):
    async with host(environment("https://localhost", state, **variables)) as proxy:
        assert "result" in await proxy.initialize()
        assert "result" in await proxy.request("ping")
        error = (await proxy.request("tools/list"))["error"]
        assert error["message"].startswith(code)
        assert told in error["message"]
        await proxy.until_said(code)
        assert await proxy.leave() == 0


async def test_the_session_of_a_killed_proxy_is_continued(server: FakeServer, state: Path):
    async with host(environment(server.url, state)) as proxy:
        await proxy.call("echo")
        proxy.process.kill()
        await proxy.exit_code()
    async with host(environment(server.url, state)) as proxy:
        await proxy.call("echo")
    assert len(server.registrations) == 1
    assert len({call.headers["X-Session-Token"] for call in server.calls}) == 1


async def test_a_cached_session_that_has_ended_is_replaced(server: FakeServer, state: Path):
    async with host(environment(server.url, state)) as proxy:
        await proxy.call("echo")
        proxy.process.kill()
        await proxy.exit_code()
    server.forget_sessions()
    async with host(environment(server.url, state)) as proxy:
        assert "result" in await proxy.call("echo")
    assert len(server.registrations) == 2


async def test_two_processes_never_share_a_session(server: FakeServer, state: Path):
    env = environment(server.url, state)
    async with host(env) as one, host(env) as two:
        await asyncio.gather(one.call("echo"), two.call("echo"))
        assert len({call.headers["X-Session-Token"] for call in server.calls}) == 2
        assert await one.leave() == 0
        assert "result" in await two.call("echo")
    assert len(server.registrations) == 2


async def test_a_clean_exit_leaves_no_token(server: FakeServer, state: Path):
    async with host(environment(server.url, state)) as proxy:
        await proxy.call("echo")
        token = next(iter(server.sessions))
        files = list((state / "mcp-ambassador" / "sessions").iterdir())
        assert [token in file.read_text() for file in files] == [True]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
        assert files[0].parent.stat().st_mode & 0o777 == 0o700
        assert await proxy.leave() == 0
    assert [file.read_text() for file in files] == [""]


async def test_a_session_that_could_not_be_ended_stays_in_the_cache(server: FakeServer, state: Path):
    async with host(environment(server.url, state)) as proxy:
        await proxy.call("echo")
        await server.stop()
        assert await proxy.leave() == 0
    await server.start()
    async with host(environment(server.url, state)) as proxy:
        assert "result" in await proxy.call("echo")
    assert len(server.registrations) == 1
