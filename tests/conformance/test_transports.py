"""The behaviour of every transport in every era, on real processes and real sockets."""

import asyncio
import importlib
import json
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus, Mcp, ToolClass
from ambassador_server.downstream import transports
from ambassador_server.downstream.features.progress import LARGEST_PROGRESS
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import Hooks
from ambassador_server.errors import (
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
)
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.http_server import HttpServer, serve
from tests.fakes.mcp_servers.sse_server import SseServer, serve_sse
from tests.fakes.mcp_servers.toolbox import TOOLS, Toolbox
from tests.server.downstream.support import (
    PATIENCE,
    Bench,
    bench,
    entry,
    http_entry,
    result,
    tool_call,
)


@dataclass(frozen=True)
class Kind:
    """A transport and an era."""

    transport: str
    era: str
    sse: bool = False

    def __str__(self) -> str:
        return f"{self.transport}-{self.era}{'-sse' if self.sse else ''}"

    @asynccontextmanager
    async def entry(self, page_size: int = 0) -> AsyncIterator[Mcp]:
        """Run a fixture server, or return an entry that starts one."""
        if self.transport == "stdio":
            yield entry(options=stdio_options("--era", self.era, "--page-size", str(page_size)))
            return
        toolbox = Toolbox(era=self.era, page_size=page_size)
        if self.transport == "sse":
            async with serve_sse(SseServer(toolbox)) as server:
                yield entry("sse", {"url": server.url})
            return
        async with serve(HttpServer(toolbox, sse=self.sse)) as server:
            yield http_entry(server.url)


KINDS = [
    Kind("stdio", "legacy"),
    Kind("stdio", "modern"),
    Kind("streamable_http", "legacy"),
    Kind("streamable_http", "legacy", sse=True),
    Kind("streamable_http", "modern"),
    Kind("streamable_http", "modern", sse=True),
    Kind("sse", "legacy"),
]


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def box(kind: Kind) -> AsyncIterator[Bench]:
    """A pool connected to one fixture server."""
    async with kind.entry() as mcp, bench(mcp) as running:
        yield running


def test_every_file_of_the_folder_is_a_transport():
    words = [module.name for module in pkgutil.iter_modules(transports.__path__)]
    assert sorted(words) == list(transports.known_transports())
    for word in words:
        module = importlib.import_module(f"ambassador_server.downstream.transports.{word}")
        assert {"Options", "check", "build"} <= set(vars(module))


@pytest.mark.parametrize("word", ["os", "stdio.os", "../stdio", "STDIO", "", "interface"])
def test_an_unknown_transport_is_refused_naming_the_known_ones(word: str):
    with pytest.raises(InvalidInputError, match="known: sse, stdio, streamable_http"):
        transports.check_options(word, {}, ProgramSettings())
    with pytest.raises(InvalidInputError, match="Unknown transport"):
        transports.build_transport(word, {}, Hooks(notified=lambda *_: None, asked=lambda *_: None, mask=str))


@pytest.mark.parametrize("word", transports.known_transports())
def test_an_unknown_option_is_named(word: str):
    with pytest.raises(InvalidInputError, match="no option 'colour'"):
        transports.check_options(word, {"colour": "s3cret-value"}, ProgramSettings())


async def test_tools_are_listed_with_their_definitions_byte_for_byte(box: Bench):
    tools = box.pool.state("m1").tools
    assert [tool.name for tool in tools] == [tool["name"] for tool in TOOLS]
    echo = tools[0]
    assert echo.definition == json.dumps(TOOLS[0]).encode()
    assert b"12345678901234567890123" in echo.definition
    assert echo.description == "Say the text again."


async def test_tools_are_classified_by_their_annotations(box: Bench):
    classes = {tool.name: tool.tool_class for tool in box.pool.state("m1").tools}
    assert classes["echo"] is ToolClass.READ_ONLY
    assert classes["fail"] is ToolClass.WRITE
    assert classes["slow"] is ToolClass.DESTRUCTIVE


async def test_every_page_of_the_list_is_read_also_after_an_empty_cursor(kind: Kind):
    async with kind.entry(page_size=4) as mcp, bench(mcp) as box:
        assert box.tool_names() == [tool["name"] for tool in TOOLS]


async def test_unknown_members_of_arguments_and_results_are_kept(box: Bench):
    params = (
        b'{"name":"params","arguments":{"big":123456789012345678901234567890,"f":1.10,"n":null},"x":[ 1 ]}'
    )
    reply = await box.pool.call("m1", tool_call(params), user_id="u1", timeout=PATIENCE)
    assert reply.result is not None
    assert b"123456789012345678901234567890" in reply.result
    received = result(reply)["structuredContent"]
    assert received["arguments"] == {"big": 123456789012345678901234567890, "f": 1.1, "n": None}
    assert received["x"] == [1]
    assert result(reply)["x-extra"] == [1, None]


async def test_a_tool_error_is_a_result_and_a_protocol_error_is_an_error(box: Bench):
    assert result(await box.call("fail"))["isError"] is True
    refused = await box.call("refuse")
    assert refused.result is None
    assert json.loads(refused.error or b"")["code"] == -32602


async def test_twenty_megabytes_are_carried(box: Bench):
    assert len(await box.text("big", megabytes=20)) == 20 * 1024 * 1024


async def test_a_hundred_calls_at_once_are_answered_out_of_order(box: Bench):
    async with asyncio.timeout(PATIENCE):
        held = [asyncio.ensure_future(box.call("hold", count=100)) for _ in range(99)]
        # The server answers when the hundredth call has arrived, in reverse order.
        replies = [await box.call("hold", count=100), *await asyncio.gather(*held)]
    assert all(reply.error is None for reply in replies)
    echoes = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(100)))
    assert echoes == [str(number) for number in range(100)]


async def test_a_deadline_ends_the_call_and_cancels_it_downstream(box: Bench):
    with pytest.raises(DownstreamTimeoutError, match=r"box: no answer within 0\.05 s"):
        await box.call("slow", seconds=600, timeout=0.05)
    await until_cancelled(box)
    assert await box.text("echo", text="still here") == "still here"


async def test_a_cancelled_caller_cancels_the_call_downstream(box: Bench):
    before = await calls_seen(box)
    call = asyncio.ensure_future(box.call("slow", seconds=600))
    await until_seen(box, before)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_cancelled(box)


async def test_more_calls_than_the_limit_are_refused_at_once(kind: Kind):
    async with kind.entry() as mcp, bench(replace(mcp, max_in_flight=1)) as box:
        call = asyncio.ensure_future(box.call("slow", seconds=600))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="box has 1 calls in flight"):
            await box.call("echo")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await box.text("echo", text="room again") == "room again"


async def test_announced_changes_of_the_tools_are_seen(box: Bench):
    await box.call("grow")
    change = await box.listener.until(lambda change: any(t.name.startswith("extra_") for t in change.tools))
    assert change.tools_changed
    assert box.tool_names() == [tool.name for tool in change.tools]


async def test_messages_that_are_not_mcp_are_ignored(box: Bench):
    assert result(await box.call("garbage"))["content"] is not None
    assert await box.text("echo", text="still here") == "still here"


async def report(box: Bench, told: list[bytes] | None, **arguments: object) -> str:
    """Call the tool that reports progress, and return the token that the downstream got."""
    params = json.dumps({"name": "progress", "arguments": arguments, "_meta": {"progressToken": "caller"}})
    tell = None if told is None else (lambda notice: told.append(notice.params))
    reply = await box.pool.call("m1", tool_call(params.encode(), tell), user_id="u1", timeout=PATIENCE)
    return str(result(reply)["content"][0]["text"])


async def test_progress_is_reported_until_the_result_and_only_to_its_call(box: Bench):
    told: list[bytes] = []
    token = await report(box, told, foreign=[999, "1", None, True, 1.5, {}, [1]])
    reports = [json.loads(each) for each in told]
    assert [each["progress"] for each in reports] == [1, 2, 3]
    assert {each["progressToken"] for each in reports} == {int(token)}
    assert reports[0]["x-kept"] == 10**20
    await box.text("echo", text="late notifications have arrived")
    assert len(told) == 3


async def test_concurrent_calls_get_only_their_own_progress(box: Bench):
    heard: list[list[bytes]] = [[] for _ in range(5)]
    tokens = await asyncio.gather(*(report(box, each, steps=n + 1) for n, each in enumerate(heard)))
    assert len(set(tokens)) == 5
    for n, each in enumerate(heard):
        assert [json.loads(one)["total"] for one in each] == [n + 1] * (n + 1)
    assert await report(box, None) == "None"


async def test_progress_that_is_too_large_is_dropped(box: Bench):
    told: list[bytes] = []
    await report(box, told, size=LARGEST_PROGRESS)
    assert told == []


async def test_a_meta_that_is_not_an_object_is_refused(box: Bench):
    params = b'{"name":"echo","_meta":5,"progressToken":1}'
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        await box.pool.call("m1", tool_call(params), user_id="u1", timeout=PATIENCE)


async def test_requests_after_the_end_are_refused(box: Bench):
    call = asyncio.ensure_future(box.call("slow", seconds=600))
    await asyncio.sleep(0)
    await box.text("echo", text="after it")
    await box.pool.close()
    with pytest.raises(DownstreamUnavailableError):
        await call
    with pytest.raises(DownstreamUnavailableError, match="not running"):
        await box.call("echo")
    assert box.pool.state("m1").status is DownstreamStatus.STOPPED


async def test_a_probe_lists_the_tools_and_leaves_no_process(kind: Kind):
    running = Bench()
    async with kind.entry() as mcp:
        tools = await running.pool.probe(mcp)
    assert [tool.name for tool in tools] == [tool["name"] for tool in TOOLS]
    assert running.pool.state("m1").status is DownstreamStatus.STOPPED
    assert running.listener.changes == []


async def calls_seen(box: Bench) -> int:
    """Return how many calls have reached the downstream, this one included."""
    return int((await box.text("process")).split()[1])


async def until_seen(box: Bench, before: int) -> None:
    """Wait until one more call than those of this function has reached the downstream since `before`."""
    own = 1
    async with asyncio.timeout(PATIENCE):
        while await calls_seen(box) == before + own:
            own += 1


async def until_cancelled(box: Bench) -> None:
    """Wait until the downstream has reported a cancelled call."""
    async with asyncio.timeout(PATIENCE):
        while await box.text("cancelled") == "0":
            pass
