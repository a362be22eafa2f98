"""A server of the modern era that has every feature of the matrix; it is the counterpart of `legacy_server`.

Run it with its name and the file to which it writes what happens to waiting calls; with `--http` after them it
serves streamable HTTP on a loopback port that it prints, otherwise stdio.
"""

import base64
import json
import socket
import sys
from pathlib import Path
from typing import Any, Literal

import anyio
import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import AssistantMessage, Prompt, UserMessage
from mcp.server.mcpserver.resources import TextResource

NAME, RECORD = sys.argv[1], Path(sys.argv[2])

server = MCPServer(NAME, log_level="ERROR")

Asking = types.InputRequiredResult


def record(line: str) -> None:
    with RECORD.open("a") as file:
        file.write(f"{line}\n")


def form(message: str, field: str) -> types.ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


@server.tool()
async def era(context: Context[Any]) -> str:
    """Tell the version of the protocol that this request came with."""
    return str(context.protocol_version)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def count(context: Context[Any], steps: int) -> str:
    """Report progress at every step."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps, f"step {step}")
    return "counted"


@server.tool()
async def say(context: Context[Any]) -> str:
    """Log at three levels."""
    messages: list[tuple[types.LoggingLevel, Any]] = [
        ("debug", "quiet"),
        ("info", "plain"),
        ("error", {"code": 7}),
    ]
    for level, data in messages:
        await context.log(level, data, logger_name="voice")
    return "said"


@server.tool()
async def ask(context: Context[Any]) -> str | Asking:
    """Ask for a name."""
    answer = (context.input_responses or {}).get("name")
    if not isinstance(answer, types.ElicitResult):
        return Asking(input_requests={"name": form("What is your name?", "name")})
    return f"Hello, {answer.content['name']}!" if answer.content else answer.action


@server.tool()
async def ask_twice(context: Context[Any]) -> str | Asking:
    """Ask for a name, then for a colour."""
    answers = context.input_responses or {}
    name, colour = answers.get("name"), answers.get("colour")
    if isinstance(colour, types.ElicitResult) and context.request_state:
        return f"{context.request_state} likes {(colour.content or {})['colour']}"
    if isinstance(name, types.ElicitResult):
        known = str((name.content or {})["name"])
        return Asking(
            input_requests={"colour": form(f"Which colour, {known}?", "colour")}, request_state=known
        )
    return Asking(input_requests={"name": form("What is your name?", "name")})


@server.tool()
async def think(context: Context[Any], prompt: str) -> str | Asking:
    """Let the host's model say something."""
    said = (context.input_responses or {}).get("thought")
    if isinstance(said, types.CreateMessageResult):
        assert isinstance(said.content, types.TextContent)
        return f"{said.model} said {said.content.text}"
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    params = types.CreateMessageRequestParams(messages=[message], max_tokens=9)
    return Asking(input_requests={"thought": types.CreateMessageRequest(params=params)})


@server.tool()
async def roots(context: Context[Any]) -> str | Asking:
    """Name the host's roots."""
    found = (context.input_responses or {}).get("roots")
    if isinstance(found, types.ListRootsResult):
        return " ".join(str(root.uri) for root in found.roots)
    return Asking(input_requests={"roots": types.ListRootsRequest()})


@server.tool()
async def grow(context: Context[Any], kind: Literal["tool", "prompt", "resource"], name: str) -> str:
    """Offer one more tool, prompt or resource, and announce it."""
    if kind == "tool":
        server.add_tool(lambda: "grown", name=name, description="It was not here before.")
        await context.notify_tools_changed()
    elif kind == "prompt":
        server.add_prompt(Prompt.from_function(lambda: "grown", name=name))
        await context.notify_prompts_changed()
    else:
        server.add_resource(TextResource(uri=f"memo://{NAME}/{name}", name=name, text="grown"))
        await context.notify_resources_changed()
    return "grown"


@server.tool()
async def touch(context: Context[Any]) -> str:
    """Announce that the text has changed to all that have subscribed to it."""
    await context.notify_resource_updated(f"memo://{NAME}/text")
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
    return types.Completion(values=values, total=len(values), has_more=False)


def main() -> None:
    """Serve until killed."""
    if "--http" not in sys.argv:
        server.run("stdio")
        return
    import uvicorn  # noqa: PLC0415 # over stdio it is not needed

    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main()
