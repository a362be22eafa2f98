"""Servers by others: the SDK over every transport, and two published packages."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from ambassador_server.domain.catalog.mcps import Mcp, ToolClass
from ambassador_server.downstream import handshake, session
from ambassador_server.ports.exchange import Notice
from tests.fakes.mcp_servers import ROOT, command, stdio_options
from tests.node import node, packages
from tests.server.downstream.support import PATIENCE, bench, entry, http_entry, result, tool_call

BIN = Path(sys.executable).parent
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"


@contextmanager
def sdk_over_http(*flags: str) -> Iterator[Mcp]:
    """Run the SDK server in its own process."""
    with subprocess.Popen(
        command("sdk_server", "--http", *flags), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            if "--sse" in flags:
                yield entry("sse", {"url": f"http://127.0.0.1:{port}/sse"})
            else:
                yield http_entry(f"http://127.0.0.1:{port}/mcp")
        finally:
            process.kill()


@contextmanager
def sdk_over_stdio() -> Iterator[Mcp]:
    yield entry(options=stdio_options(server="sdk_server"))


@pytest.mark.parametrize(
    "server", [sdk_over_stdio, sdk_over_http, lambda: sdk_over_http("--json")], ids=["stdio", "sse", "json"]
)
async def test_the_sdk_server_lists_answers_and_notifies_in_both_eras(
    server, monkeypatch: pytest.MonkeyPatch
):
    with server() as mcp:
        async with bench(mcp) as box:
            classes = {tool.name: tool.tool_class for tool in box.pool.state("m1").tools}
            assert classes == {
                "add": ToolClass.READ_ONLY,
                "grow": ToolClass.DESTRUCTIVE,
                "in_parts": ToolClass.DESTRUCTIVE,
            }
            assert await box.text("add", a=2, b=40) == "42"
            assert result(await box.call("add", a="x"))["isError"] is True
            assert await box.text("grow") == "grown"
            await box.listener.until(lambda change: "newcomer" in [tool.name for tool in change.tools])
            assert await box.text("newcomer") == "new"
        monkeypatch.setattr(session, "agree", lambda transport, *_: handshake.initialize(transport))
        async with bench(mcp) as box:
            assert await box.text("add", a=2, b=40) == "42"
            # In the legacy era the SDK does not declare listChanged, so no change is announced.
            assert await box.text("grow") == "grown"


async def test_the_sdk_server_over_its_old_transport_lists_and_answers():
    with sdk_over_http("--sse") as mcp:
        async with bench(mcp) as box:
            assert sorted(box.tool_names()) == ["add", "grow", "in_parts"]
            assert await box.text("add", a=2, b=40) == "42"
            assert result(await box.call("add", a="x"))["isError"] is True
            sums = await asyncio.gather(*(box.text("add", a=number, b=1) for number in range(30)))
            assert sums == [str(number + 1) for number in range(30)]
            told: list[Notice] = []
            call = tool_call(b'{"name":"in_parts","arguments":{"times":2}}', told.append)
            reply = await box.pool.call("m1", call, user_id="u1", timeout=PATIENCE)
            assert result(reply)["content"][0]["text"] == "whole"
            assert [json.loads(notice.params)["progress"] for notice in told] == [1, 2]


@pytest.mark.parametrize("flags", [(), ("--json",), ("--sse",)], ids=["sse", "json", "old"])
async def test_the_sdk_server_is_started_again_and_no_call_fails(
    flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "agree", lambda transport, *_: handshake.initialize(transport))
    with ExitStack() as first:
        mcp = first.enter_context(sdk_over_http(*flags))
        async with bench(mcp) as box:
            assert await box.text("add", a=2, b=40) == "42"
            # In a thread, so that the event loop sees the end of the connections meanwhile.
            await asyncio.to_thread(first.close)
            with sdk_over_http(*flags, "--port", mcp.options["url"].split(":")[2].split("/")[0]):
                assert await box.text("add", a=20, b=22) == "42"


async def test_the_stream_of_an_answer_that_the_sdk_server_closes_is_resumed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "agree", lambda transport, *_: handshake.initialize(transport))
    told: list[Notice] = []
    with sdk_over_http("--resumable") as mcp:
        async with bench(mcp) as box:
            call = tool_call(b'{"name":"in_parts","arguments":{"times":3}}', told.append)
            reply = await box.pool.call("m1", call, user_id="u1", timeout=PATIENCE)
    assert result(reply)["content"][0]["text"] == "whole"
    assert [json.loads(notice.params)["progress"] for notice in told] == [1, 2, 3]


async def test_the_time_server_tells_the_time():
    options = {"command": str(BIN / "mcp-server-time"), "args": ["--local-timezone", "Europe/Berlin"]}
    async with bench(entry(options=options)) as box:
        assert box.tool_names() == ["get_current_time", "convert_time"]
        answer = json.loads(
            await box.text(
                "convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Kolkata"
            )
        )
    assert answer["target"]["datetime"].endswith("T17:30:00+05:30")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=T", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first light"], check=True)
    return tmp_path


async def test_the_git_server_reads_a_repository(repository: Path):
    options = {"command": [str(BIN / "mcp-server-git"), "--repository", str(repository)]}
    async with bench(entry(options=options)) as box:
        assert "git_log" in box.tool_names()
        assert "first light" in await box.text("git_log", repo_path=str(repository))


@asynccontextmanager
async def everything_over_sse(directory: Path) -> AsyncIterator[Mcp]:
    """Run the reference server on a Unix socket, because on a port it would listen on every interface."""
    program = packages(EVERYTHING) / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    path = directory / "everything.sock"
    process = await asyncio.create_subprocess_exec(
        node(), program, "sse", env={"PORT": str(path)}, stderr=asyncio.subprocess.PIPE
    )

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while b"running" not in await process.stderr.readline():
                pass
        async with await asyncio.start_server(relay, "127.0.0.1", 0) as relaying:
            yield entry("sse", {"url": f"http://127.0.0.1:{relaying.sockets[0].getsockname()[1]}/sse"})
    finally:
        process.kill()
        await process.communicate()


async def test_the_reference_server_serves_its_tools_over_sse(tmp_path: Path):
    async with everything_over_sse(tmp_path) as mcp, bench(mcp) as box:
        assert {"echo", "get-sum", "get-tiny-image"} <= set(box.tool_names())
        assert "hello" in await box.text("echo", message="hello")
        assert "42" in await box.text("get-sum", a=2, b=40)
        kinds = [block["type"] for block in result(await box.call("get-tiny-image"))["content"]]
        assert "image" in kinds
        told: list[Notice] = []
        arguments = b'{"name":"trigger-long-running-operation","arguments":{"duration":0.2,"steps":2}}'
        await box.pool.call("m1", tool_call(arguments, told.append), user_id="u1", timeout=PATIENCE)
        assert [json.loads(notice.params)["progress"] for notice in told] == [1, 2]
