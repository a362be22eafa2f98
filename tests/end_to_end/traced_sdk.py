"""The SDK at both ends of a trace, each end in a process of its own with the spans that the SDK itself makes.

Run it with the address of a collector, and with `downstream`, or with `host`, the era, a tool and the command line of
the client.
"""

import asyncio
import os
import sys

from mcp import StdioServerParameters
from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.end_to_end.eras.hosts import Told, connected

server = MCPServer("traced", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def call(era: str, tool: str, words: list[str]) -> None:
    """Call the tool once, through the client."""
    client = StdioServerParameters(command=words[0], args=words[1:], env=dict(os.environ))
    async with connected(client, era, Told()) as (host, _):
        await host.list_tools()
        with trace.get_tracer("host").start_as_current_span("the question of a person") as span:
            answer = await host.call_tool(tool, {"a": 1, "b": 2})
            assert not answer.is_error, answer
            print(f"{span.get_span_context().trace_id:032x}")


def main() -> None:
    """Play one of the two ends."""
    collector, role, *words = sys.argv[1:]
    provider = TracerProvider(resource=Resource({"service.name": role}))
    exporter = OTLPSpanExporter(endpoint=f"{collector}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    if role == "host":
        asyncio.run(call(words[0], words[1], words[2:]))
        provider.shutdown()
    else:
        server.run()


if __name__ == "__main__":
    main()
