"""The features of the matrix: each uses one from a host, through the server, and checks both ends."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.end_to_end.eras.hosts import MODEL, ROOTS, VERSIONS, Told
from tests.end_to_end.world import until
from tests.patience import PATIENCE

TOOLS = [
    *("era", "add", "count", "say", "ask", "ask_twice", "think", "roots", "grow", "touch", "wait", "fail"),
]
_ATTEMPT_SECONDS = 3
_fresh = count()


@dataclass(frozen=True)
class Cell:
    """A host of one era in front of a downstream of one era over one transport."""

    host: Client
    told: Told
    host_era: str
    downstream_era: str
    mcp: str
    """The name of the MCP, which is in the names of its tools and prompts and in its URIs."""
    record: Path

    def name(self, plain: str) -> str:
        return f"{self.mcp}__{plain}"

    def uri(self, path: str) -> str:
        return f"memo://{self.mcp}/{path}"

    async def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool, which must succeed with one text."""
        result = await self.host.call_tool(self.name(tool), arguments)
        (block,) = result.content
        assert isinstance(block, types.TextContent), result
        assert not result.is_error, block.text
        return block.text

    async def recorded(self, line: str) -> None:
        """Wait until the downstream has written this."""
        await asyncio.to_thread(until, lambda: line in self.record.read_text().splitlines(), line)


async def listing(cell: Cell) -> None:
    tools = (await cell.host.list_tools()).tools
    own = {tool.name: tool for tool in tools if tool.name.startswith(cell.name(""))}
    more = ["ping_back"] if cell.downstream_era == "legacy" else []
    kept = [name for name in own if not name.startswith(cell.name("grown"))]
    assert kept == [cell.name(name) for name in [*TOOLS, *more]]
    add = own[cell.name("add")]
    assert add.description == "Add two numbers."
    assert add.input_schema["properties"]["b"]["type"] == "integer"
    assert add.input_schema["required"] == ["a", "b"]


async def call(cell: Cell) -> None:
    result = await cell.host.call_tool(cell.name("add"), {"a": 2**40, "b": 1})
    assert result.structured_content == {"result": 2**40 + 1}
    assert await cell.call("era") == VERSIONS[cell.downstream_era]


async def progress(cell: Cell) -> None:
    steps: list[Any] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        steps.append((done, total, message))
        await cell.told.note()

    result = await cell.host.call_tool(cell.name("count"), {"steps": 3}, progress_callback=note)
    assert result.content[0].text == "counted"
    await cell.told.until(lambda: len(steps) == 3)
    assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def logging(cell: Cell) -> None:
    if cell.host_era == "legacy":
        await cell.host.set_logging_level("info")
    assert await cell.call("say") == "said"
    await cell.told.until(lambda: len(cell.told.logs) >= 2)
    assert cell.told.logs == [("info", "plain", "voice"), ("error", {"code": 7}, "voice")]


async def elicitation(cell: Cell) -> None:
    assert await cell.call("ask") == "Hello, Ada!"
    (question,) = cell.told.questions
    assert question.message.endswith("What is your name?")
    assert cell.mcp in question.message  # the user must see which MCP asks
    assert question.requested_schema["required"] == ["name"]


async def two_elicitations(cell: Cell) -> None:
    assert await cell.call("ask_twice") == "Ada likes green"
    first, second = cell.told.questions
    assert first.message.endswith("What is your name?")
    assert second.message.endswith("Which colour, Ada?")


async def sampling(cell: Cell) -> None:
    assert await cell.call("think", prompt="louder") == f"{MODEL} said LOUDER"
    (question,) = cell.told.questions
    assert question.max_tokens == 9


async def roots(cell: Cell) -> None:
    assert await cell.call("roots") == " ".join(ROOTS)
    assert cell.told.questions == ["roots"]


async def change_notifications(cell: Cell) -> None:
    async with _listening(cell) as heard:
        for kind in ("tool", "prompt", "resource"):
            name = await _until_heard(cell, heard, f"{kind}_list_changed", kind)
            assert name in await _names(cell, kind)
        for _ in range(10):
            assert await cell.call("touch") == "touched"
            if await cell.told.until(lambda: ("updated", cell.uri("text")) in heard, _ATTEMPT_SECONDS):
                break
        assert ("updated", cell.uri("text")) in heard


async def _until_heard(cell: Cell, heard: list[Any], change: str, kind: str) -> str:
    """Let the downstream grow until the host hears it: what changes before its stream is open is lost rightly."""
    for _ in range(10):
        name = f"grown_{next(_fresh)}"
        assert await cell.call("grow", kind=kind, name=name) == "grown"
        if await cell.told.until(lambda: change in heard, _ATTEMPT_SECONDS):
            return name
    pytest.fail(f"no {change}; heard {heard}")


async def _names(cell: Cell, kind: str) -> list[str]:
    """Return what the host lists, without the prefix."""
    if kind == "tool":
        return [each.name.removeprefix(cell.name("")) for each in (await cell.host.list_tools()).tools]
    if kind == "prompt":
        return [each.name.removeprefix(cell.name("")) for each in (await cell.host.list_prompts()).prompts]
    return [each.name for each in (await cell.host.list_resources()).resources]


@asynccontextmanager
async def _listening(cell: Cell) -> AsyncIterator[list[Any]]:
    """Yield what a host hears of changes, which grows."""
    heard: list[Any] = []
    if cell.host_era == "legacy":
        await cell.host.subscribe_resource(cell.uri("text"))
        task = asyncio.create_task(_read_notices(cell.told, heard))
        try:
            yield heard
        finally:
            task.cancel()
        await cell.host.unsubscribe_resource(cell.uri("text"))
        return
    async with cell.host.listen(
        tools_list_changed=True,
        prompts_list_changed=True,
        resources_list_changed=True,
        resource_subscriptions=[cell.uri("text")],
    ) as stream:
        honored = stream.honored.model_dump(exclude_none=True)
        assert honored == {
            "tools_list_changed": True,
            "prompts_list_changed": True,
            "resources_list_changed": True,
            "resource_subscriptions": [cell.uri("text")],
        }
        task = asyncio.create_task(_read_events(cell.told, stream, heard))
        try:
            yield heard
        finally:
            task.cancel()


async def _read_notices(told: Told, heard: list[Any]) -> None:
    kinds = {
        types.ToolListChangedNotification: "tool_list_changed",
        types.PromptListChangedNotification: "prompt_list_changed",
        types.ResourceListChangedNotification: "resource_list_changed",
    }
    for number in count():
        await told.until(lambda number=number: len(told.notices) > number, PATIENCE)
        notice = told.notices[number]
        if isinstance(notice, types.ResourceUpdatedNotification):
            heard.append(("updated", str(notice.params.uri)))
        elif type(notice) in kinds:
            heard.append(kinds[type(notice)])
        await told.note()


async def _read_events(told: Told, stream: Any, heard: list[Any]) -> None:
    async for event in stream:
        name = type(event).__name__
        uri = getattr(event, "uri", None)
        kind = next((kind for kind in ("tool", "prompt", "resource") if name.lower().startswith(kind)), name)
        heard.append(("updated", str(uri)) if uri else f"{kind}_list_changed")
        await told.note()


async def cancellation(cell: Cell) -> None:
    token = f"wait-{next(_fresh)}"
    waiting = asyncio.create_task(cell.host.call_tool(cell.name("wait"), {"token": token}))
    await cell.recorded(f"{token} started")
    waiting.cancel()
    await cell.recorded(f"{token} cancelled")
    assert await cell.call("add", a=1, b=1) == "2"


async def prompts(cell: Cell) -> None:
    listed = {prompt.name: prompt for prompt in (await cell.host.list_prompts()).prompts}
    prompt = listed[cell.name("greet")]
    assert prompt.description == "Greet a person."
    assert [argument.name for argument in prompt.arguments or []] == ["name", "style"]
    got = await cell.host.get_prompt(cell.name("greet"), {"name": "Ada", "style": "warmly"})
    assert [(message.role, message.content.text) for message in got.messages] == [
        ("user", "Greet Ada, warmly."),
        ("assistant", "Dear Ada"),
    ]


async def resources(cell: Cell) -> None:
    listed = {str(each.uri): each for each in (await cell.host.list_resources()).resources}
    assert listed[cell.uri("text")].mime_type == "text/plain"
    assert cell.uri("bytes") in listed
    templates = [each.uri_template for each in (await cell.host.list_resource_templates()).resource_templates]
    assert cell.uri("items/{item}") in templates
    (text,) = (await cell.host.read_resource(cell.uri("text"))).contents
    assert (str(text.uri), text.text, text.mime_type) == (cell.uri("text"), "grüße", "text/plain")
    (blob,) = (await cell.host.read_resource(cell.uri("bytes"))).contents
    assert blob.blob == b64encode(b"\x00\xff\x01").decode()
    (item,) = (await cell.host.read_resource(cell.uri("items/red"))).contents
    assert item.text == '{"item": "red"}'


async def not_found(cell: Cell) -> None:
    for uri in (cell.uri("absent"), "nowhere://absent"):
        with pytest.raises(MCPError) as refused:
            await cell.host.read_resource(uri)
        codes = {types.INVALID_PARAMS} if cell.host_era == "modern" else {types.INVALID_PARAMS, -32002, 0}
        assert refused.value.code in codes, refused.value
    with pytest.raises(MCPError):
        await cell.host.get_prompt(cell.name("absent"), {})


async def unknown_tool(cell: Cell) -> None:
    for name in (cell.name("absent"), "absent"):
        with pytest.raises(MCPError) as refused:
            await cell.host.call_tool(name, {})
        assert refused.value.code == types.INVALID_PARAMS


async def tool_error(cell: Cell) -> None:
    result = await cell.host.call_tool(cell.name("fail"), {})
    assert result.is_error
    assert "out of paper" in result.content[0].text
    result = await cell.host.call_tool(cell.name("add"), {"a": "x", "b": 1})
    assert result.is_error


async def completion(cell: Cell) -> None:
    prompt = types.PromptReference(type="ref/prompt", name=cell.name("greet"))
    done = await cell.host.complete(prompt, {"name": "style", "value": "f"}, {"name": "Ada"})
    assert done.completion.values == ["formal", "friendly"]
    template = types.ResourceTemplateReference(type="ref/resource", uri=cell.uri("items/{item}"))
    done = await cell.host.complete(template, {"name": "item", "value": "r"})
    assert (done.completion.values, done.completion.total) == (["red", "round"], 2)


async def ping(cell: Cell) -> None:
    if cell.host_era == "legacy":
        await cell.host.send_ping()
    else:  # the modern protocol has no ping
        with pytest.raises(MCPError) as refused:
            await cell.host.session.send_request(types.PingRequest(), types.EmptyResult)
        assert refused.value.code == types.METHOD_NOT_FOUND
    if cell.downstream_era == "legacy":
        assert await cell.call("ping_back") == "pong"


FEATURES: dict[str, Callable[[Cell], Awaitable[None]]] = {
    "list": listing,
    "call": call,
    "progress": progress,
    "logging": logging,
    "elicitation": elicitation,
    "two-elicitations": two_elicitations,
    "sampling": sampling,
    "roots": roots,
    "change-notifications": change_notifications,
    "cancellation": cancellation,
    "prompts": prompts,
    "resources": resources,
    "not-found": not_found,
    "unknown-tool": unknown_tool,
    "tool-error": tool_error,
    "completion": completion,
    "ping": ping,
}
