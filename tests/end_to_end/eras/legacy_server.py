"""A server of the legacy era that has every feature of the matrix; it runs where `mcp` 1.30 is installed.

Run it with its name and the file to which it writes what happens to waiting calls; with `--http` after them it
serves streamable HTTP on a loopback port that it prints, otherwise stdio.
"""

import base64
import json
import socket
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet

import anyio
from mcp import types
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.fastmcp.prompts.base import AssistantMessage, Prompt, UserMessage
from mcp.server.fastmcp.resources import TextResource
from mcp.server.lowlevel.server import NotificationOptions
from pydantic import AnyUrl, BaseModel

NAME, RECORD = sys.argv[1], Path(sys.argv[2])

server = FastMCP(NAME, log_level="ERROR")
lowlevel = server._mcp_server
sessions: "WeakSet[Any]" = WeakSet()
subscribers: "defaultdict[str, WeakSet[Any]]" = defaultdict(WeakSet)


class Name(BaseModel):
    name: str


class Colour(BaseModel):
    colour: str


def record(line: str) -> None:
    with RECORD.open("a") as file:
        file.write(f"{line}\n")


@server.tool()
async def era(context: Context[Any, Any, Any]) -> str:
    """Tell the version of the protocol that this request came with."""
    return str(context.session.client_params.protocolVersion)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def count(context: Context[Any, Any, Any], steps: int) -> str:
    """Report progress at every step."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps, f"step {step}")
    return "counted"


@server.tool()
async def say(context: Context[Any, Any, Any]) -> str:
    """Log at three levels."""
    messages: list[tuple[Literal["debug", "info", "error"], Any]] = [
        ("debug", "quiet"),
        ("info", "plain"),
        ("error", {"code": 7}),
    ]
    for level, data in messages:
        await context.session.send_log_message(level, data, "voice", context.request_id)
    return "said"


@server.tool()
async def ask(context: Context[Any, Any, Any]) -> str:
    """Ask for a name."""
    answer = await context.elicit("What is your name?", Name)
    return f"Hello, {answer.data.name}!" if answer.action == "accept" else answer.action


@server.tool()
async def ask_twice(context: Context[Any, Any, Any]) -> str:
    """Ask for a name, then for a colour."""
    first = await context.elicit("What is your name?", Name)
    if first.action != "accept":
        return first.action
    second = await context.elicit(f"Which colour, {first.data.name}?", Colour)
    return f"{first.data.name} likes {second.data.colour}" if second.action == "accept" else second.action


@server.tool()
async def think(context: Context[Any, Any, Any], prompt: str) -> str:
    """Let the host's model say something."""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    said = await context.session.create_message(
        [message], max_tokens=9, related_request_id=context.request_id
    )
    return f"{said.model} said {said.content.text}"


@server.tool()
async def roots(context: Context[Any, Any, Any]) -> str:
    """Name the host's roots."""
    return " ".join(str(root.uri) for root in (await context.session.list_roots()).roots)


@server.tool()
async def grow(kind: Literal["tool", "prompt", "resource"], name: str) -> str:
    """Offer one more tool, prompt or resource, and announce it."""
    if kind == "tool":
        server.add_tool(lambda: "grown", name=name, description="It was not here before.")
    elif kind == "prompt":
        server.add_prompt(Prompt.from_function(lambda: "grown", name=name))
    else:
        server.add_resource(TextResource(uri=AnyUrl(f"memo://{NAME}/{name}"), name=name, text="grown"))
    for session in list(sessions):
        await getattr(session, f"send_{kind}_list_changed")()
    return "grown"


@server.tool()
async def touch() -> str:
    """Announce that the text has changed to all that have subscribed to it."""
    uri = f"memo://{NAME}/text"
    for session in list(subscribers[uri]):
        await session.send_resource_updated(AnyUrl(uri))
    return "touched"


@server.tool()
async def wait(token: str) -> str:
    """Wait until cancelled."""
    record(f"{token} started")
    try:
        await anyio.sleep_forever()
    finally:
        record(f"{token} cancelled")


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("out of paper")


@server.tool()
async def ping_back(context: Context[Any, Any, Any]) -> str:
    """Ping the client."""
    await context.session.send_ping()
    return "pong"


@server.prompt()
def greet(name: str, style: str) -> list[Any]:
    """Greet a person."""
    return [UserMessage(f"Greet {name}, {style}."), AssistantMessage(f"Dear {name}")]


@server.resource(f"memo://{NAME}/text", mime_type="text/plain")
def text() -> str:
    """Return a text."""
    return "grüße"


@server.resource(f"memo://{NAME}/bytes", mime_type="application/octet-stream")
def some_bytes() -> bytes:
    """Return bytes."""
    return base64.b64decode("AP8B")


@server.resource(f"memo://{NAME}/items/{{item}}", mime_type="application/json")
def item(item: str) -> str:
    """Return an item."""
    return json.dumps({"item": item})


@server.completion()
async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
    """Offer values that begin with what was typed."""
    offered = ["formal", "friendly", "short"] if isinstance(ref, types.PromptReference) else ["red", "round"]
    values = [value for value in offered if value.startswith(argument.value)]
    return types.Completion(values=values, total=len(values), hasMore=False)


@lowlevel.subscribe_resource()
async def subscribe(uri: AnyUrl) -> None:
    """Keep a session's subscription."""
    subscribers[str(uri)].add(lowlevel.request_context.session)


@lowlevel.unsubscribe_resource()
async def unsubscribe(uri: AnyUrl) -> None:
    """End a session's subscription."""
    subscribers[str(uri)].discard(lowlevel.request_context.session)


@lowlevel.set_logging_level()
async def set_level(level: str) -> None:
    """Accept any level: this server sends all its messages at all times."""


def announce_everything() -> None:
    """Declare what a FastMCP server does not declare by itself, and tell all sessions that list of changes."""
    plain = lowlevel.get_capabilities

    def capabilities(_: NotificationOptions, experimental: Any) -> types.ServerCapabilities:
        changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        declared = plain(changes, experimental)
        assert declared.resources is not None
        declared.resources.subscribe = True
        return declared

    lowlevel.get_capabilities = capabilities
    list_tools = lowlevel.request_handlers[types.ListToolsRequest]

    async def remembering(request: Any) -> Any:
        sessions.add(lowlevel.request_context.session)
        return await list_tools(request)

    lowlevel.request_handlers[types.ListToolsRequest] = remembering


def main() -> None:
    """Serve until killed."""
    announce_everything()
    if "--http" not in sys.argv:
        server.run("stdio")
        return
    import uvicorn  # noqa: PLC0415 # over stdio it is not needed

    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
