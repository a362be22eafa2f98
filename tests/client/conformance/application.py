"""The client under test: a host application that reaches the suite's mock server through the real proxy.

The suite starts it with the address of the mock server as its argument and the scenario in the environment.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from tests.client.conformance.session_routes import session_routes
from tests.client.host import environment

SECONDS = 40
PLAYED = "played to the end"


async def _list(host: Client, _: Any) -> None:
    await host.list_tools()


async def _add(host: Client, _: Any) -> None:
    await host.list_tools()
    result = await host.call_tool("add_numbers", {"a": 5, "b": 3})
    assert _text(result) == "The sum of 5 and 3 is 8"


async def _elicit(host: Client, _: Any) -> None:
    await host.list_tools()
    result = await host.call_tool("test_client_elicitation_defaults", {})
    assert _text(result).startswith("Elicitation completed")


async def _reconnect(host: Client, _: Any) -> None:
    await host.list_tools()
    result = await host.call_tool("test_reconnection", {})
    assert _text(result) == "Reconnection test completed successfully"


async def _echo_schema(host: Client, _: Any) -> None:
    tools = {tool.name: tool for tool in (await host.list_tools()).tools}
    schema = tools["json_schema_2020_12_tool"].input_schema
    await host.call_tool("json_schema_echo", {"schema": schema})


async def _negotiate(host: Client, _: Any) -> None:
    try:
        await host.list_tools()
    except MCPError as error:
        # The proxy answers `server/discover` itself, so the host learns the server's versions from its first request.
        if host.protocol_version not in error.data["supported"]:
            raise
        await host.list_tools()


async def _keep_state(host: Client, _: Any) -> None:
    await host.list_tools()
    assert _text(await host.call_tool("test_mrtr_echo_state", {})) == "echo-state-ok"
    assert _text(await host.call_tool("test_mrtr_unrelated", {})) == "unrelated-ok"
    assert _text(await host.call_tool("test_mrtr_no_state", {})) == "no-state-ok"
    try:
        answer = _text(await host.call_tool("test_mrtr_no_result_type", {}))
    except ValidationError as error:
        # The SDK requires the member that may be missing; its error shows that the relay passed it on unchanged.
        answer = error.errors()[0]["input"]["content"][0]["text"]
    assert answer == "no-result-type-test-ok"


async def _use_everything(host: Client, _: Any) -> None:
    tools = (await host.list_tools()).tools
    resources = (await host.list_resources()).resources
    prompts = (await host.list_prompts()).prompts
    assert tools
    assert resources
    assert prompts
    for tool in tools:
        await host.call_tool(tool.name, {})
    for resource in resources:
        await host.read_resource(resource.uri)
    for prompt in prompts:
        await host.get_prompt(prompt.name)


async def _mirror(host: Client, context: Any) -> None:
    await host.list_tools()
    for call in context["toolCalls"]:
        await host.call_tool(call["name"], call["arguments"])


async def _call_what_is_left(host: Client, _: Any) -> None:
    # Bypasses the SDK's filter, which would hide what the relay lets through.
    tools = (await host.session.send_request(types.ListToolsRequest(), types.ListToolsResult)).tools
    for tool in tools:
        await host.call_tool(tool.name, dict.fromkeys(tool.input_schema["properties"], "text"))


SCENARIOS: dict[str, Callable[[Client, Any], Awaitable[None]]] = {
    "initialize": _list,
    "tools_call": _add,
    "elicitation-sep1034-client-defaults": _elicit,
    "sse-retry": _reconnect,
    "json-schema-2020-12-preservation": _echo_schema,
    "request-metadata": _negotiate,
    "sep-2322-client-request-state": _keep_state,
    "http-standard-headers": _use_everything,
    "http-custom-headers": _mirror,
    "http-invalid-tool-headers": _call_what_is_left,
    "json-schema-ref-no-deref": _list,
}

WAIT_FOR_OWN_STREAM = frozenset({"elicitation-sep1034-client-defaults", "sse-retry"})
"""Whose mock server needs the stream of its own messages to be open already.

One asks there, and loses the question when there is none yet. The other answers the call on the stream that is opened
next, whichever that is, and means the one that resumes the call.
"""


def _text(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


async def _accept_defaults(
    _: ClientRequestContext, question: types.ElicitRequestParams
) -> types.ElicitResult:
    assert isinstance(question, types.ElicitRequestFormParams)
    fields = question.requested_schema["properties"]
    filled = {name: field.get("default", True) for name, field in fields.items()}
    return types.ElicitResult(action="accept", content=filled)


async def _refuse_to_think(_: ClientRequestContext, __: types.CreateMessageRequestParams) -> types.ErrorData:
    return types.ErrorData(code=types.INVALID_REQUEST, message="There is no model here.")


async def _no_roots(_: ClientRequestContext) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


async def run(url: str, scenario: str, version: str, context: Any) -> None:
    """Run one scenario."""
    with tempfile.TemporaryDirectory() as state:
        async with asyncio.timeout(SECONDS), session_routes(url) as server:
            proxy = StdioServerParameters(
                command=sys.executable,
                args=["-m", "ambassador_client", "proxy"],
                env=environment(server.url, Path(state)),
            )
            async with Client(
                proxy,
                mode="auto" if version >= "2026" else "legacy",
                elicitation_callback=_accept_defaults,
                sampling_callback=_refuse_to_think,
                list_roots_callback=_no_roots,
            ) as host:
                assert host.protocol_version == version
                if scenario in WAIT_FOR_OWN_STREAM:
                    await server.until(lambda: server.streams > 0)
                await SCENARIOS[scenario](host, context)
    print(PLAYED)


if __name__ == "__main__":
    given = os.environ
    asyncio.run(
        run(
            sys.argv[1],
            given["MCP_CONFORMANCE_SCENARIO"],
            given["MCP_CONFORMANCE_PROTOCOL_VERSION"],
            json.loads(given.get("MCP_CONFORMANCE_CONTEXT", "null")),
        )
    )
