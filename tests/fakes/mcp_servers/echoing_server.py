"""An MCP server that answers with the credential it received, over stdio, streamable HTTP or HTTP+SSE.

Over stdio that are the variables that begin with `CREDENTIAL_` and the arguments after `--`; over HTTP the headers and
the query of the request. Tool `received` returns it at once, `hold` when the file `until` exists, and `leak` writes it
to stderr before. `spy` returns what it can read in the environment of other processes. With `--own-tools` the server
offers one more tool, named after the value that it received.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.patience import PATIENCE

SESSION = "Mcp-Session-Id"
_SCHEMA = {"type": "object"}
_POLL_SECONDS = 0.02
_OWN_QUERY = frozenset({"session_id"})
Received = dict[str, Any]


def tools(received: Received, *, own: bool) -> list[dict[str, Any]]:
    """Return the definitions that a connection with this credential is offered."""
    names = ["received", "hold", "leak", "ask", "spy"]
    if own:
        names += [f"of_{value_in(received)}"]
    return [{"name": name, "inputSchema": _SCHEMA, "annotations": {"readOnlyHint": True}} for name in names]


def value_in(received: Received) -> str:
    """Return the one value in what was received, without the word in front of it; "nothing" if there is none."""
    values = [
        *received.get("environment", {}).values(),
        *received.get("arguments", []),
        *received.get("headers", {}).values(),
        *received.get("query", {}).values(),
    ]
    return values[0].split()[-1].rpartition("=")[2] if values else "nothing"


def answer(method: str, params: dict[str, Any], received: Received, *, own: bool) -> dict[str, Any] | None:
    """Return the result of a request that needs no wait; None for another one."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echoing", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": tools(received, own=own)}
    return {} if method == "ping" else None


def text_of(received: Received) -> dict[str, Any]:
    """Return the result of a tool."""
    return {"content": [{"type": "text", "text": json.dumps(received)}]}


class EchoingServer:
    """The server over HTTP: `/mcp` and `/sse`, with the members that a test reads or changes.

    `accepted` are the values of `Authorization` that are not refused, if they begin with `accepted_prefix`; None
    accepts all. `seen` has the method, path
    and credential of every HTTP request.
    """

    def __init__(self, *, own_tools: bool = False) -> None:
        self.own_tools = own_tools
        self.accepted: set[str] | None = None
        self.accepted_prefix = ""
        self.status = 401
        self.challenge = 'Bearer error="invalid_token"'
        self.seen: list[tuple[str, str, Received]] = []
        self.sessions: set[str] = set()
        self.url = ""
        self._streams: dict[str, web.StreamResponse] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def sse_url(self) -> str:
        """Return the URL of the older transport."""
        return self.url.replace("/mcp", "/sse")

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/mcp", self._post)
        app.router.add_get("/mcp", self._get)
        app.router.add_delete("/mcp", self._delete)
        app.router.add_get("/sse", self._open_sse)
        app.router.add_post("/messages", self._post_sse)
        return app

    def _received(self, request: web.Request) -> Received:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name == "Authorization" or name.startswith("X-")
        }
        query = {name: value for name, value in request.query.items() if name not in _OWN_QUERY}
        received = {"headers": headers, "query": query}
        self.seen.append((request.method, request.path, received))
        return received

    def _refusal(self, received: Received) -> web.Response | None:
        value = received["headers"].get("Authorization", "")
        if (self.accepted is None or value in self.accepted) and value.startswith(self.accepted_prefix):
            return None
        return web.Response(
            status=self.status,
            headers={"WWW-Authenticate": self.challenge},
            text=f"no: {received['headers']}",
        )

    async def _result(self, message: dict[str, Any], received: Received) -> dict[str, Any]:
        params = message.get("params") or {}
        known = answer(message["method"], params, received, own=self.own_tools)
        if known is None and message["method"] == "tools/call":
            until = (params.get("arguments") or {}).get("until")
            while until is not None and not Path(until).exists():  # noqa: ASYNC110, ASYNC240 - nothing tells of it
                await asyncio.sleep(_POLL_SECONDS)
            known = text_of(received)
        body: dict[str, Any] = (
            {"error": {"code": -32601, "message": "no"}} if known is None else {"result": known}
        )
        return {"jsonrpc": "2.0", "id": message["id"], **body}

    async def _post(self, request: web.Request) -> web.Response:
        received = self._received(request)
        refusal = self._refusal(received)
        if refusal is not None:
            return refusal
        message = await request.json()
        if request.headers.get("Mcp-Protocol-Version") == "2026-07-28":
            return web.Response(status=400)
        if "id" not in message:
            return web.Response(status=202)
        headers = {}
        if message["method"] == "initialize":
            headers[SESSION] = secrets.token_hex(8)
            self.sessions.add(headers[SESSION])
        return web.json_response(await self._result(message, received), headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        return self._refusal(self._received(request)) or web.Response(status=405)

    async def _delete(self, request: web.Request) -> web.Response:
        refusal = self._refusal(self._received(request))
        self.sessions.discard(request.headers.get(SESSION, ""))
        return refusal or web.Response(status=204)

    async def _open_sse(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refusal(self._received(request))
        if refusal is not None:
            return refusal
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        name = secrets.token_hex(8)
        self._streams[name] = stream
        self.sessions.add(name)
        await stream.write(f"event: endpoint\ndata: /messages?session_id={name}\n\n".encode())
        try:
            await asyncio.Event().wait()
        finally:
            self.sessions.discard(name)
            del self._streams[name]
        return stream

    async def _post_sse(self, request: web.Request) -> web.Response:
        received = self._received(request)
        refusal = self._refusal(received)
        if refusal is not None:
            return refusal
        message = await request.json()
        stream = self._streams[request.query["session_id"]]
        if "id" in message:
            task = asyncio.get_running_loop().create_task(self._write(stream, message, received))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    async def _write(self, stream: web.StreamResponse, message: dict[str, Any], received: Received) -> None:
        data = json.dumps(await self._result(message, received))
        await stream.write(f"event: message\ndata: {data}\n\n".encode())


@asynccontextmanager
async def serve_echoing(*, own_tools: bool = False) -> AsyncIterator[EchoingServer]:
    """Run the server in this process."""
    server = EchoingServer(own_tools=own_tools)
    runner = web.AppRunner(server.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"http://127.0.0.1:{port}/mcp"
        yield server
    finally:
        async with asyncio.timeout(PATIENCE):
            await runner.cleanup()


class StdioEcho:
    """The server over stdio; each call runs in a thread of its own."""

    def __init__(self, arguments: list[str], *, own_tools: bool) -> None:
        self._own_tools = own_tools
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[threading.Event, dict[str, Any]]] = {}
        self._received = {
            "environment": {
                name: value for name, value in os.environ.items() if name.startswith("CREDENTIAL_")
            },
            "arguments": arguments,
        }

    def run(self) -> None:
        """Answer until the input ends."""
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "method" not in message:
                event, kept = self._answers.pop(message["id"])
                kept.update(message)
                event.set()
            elif "id" in message:
                threading.Thread(target=self._take, args=(message,), daemon=True).start()

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            sys.stdout.flush()

    def _take(self, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        known = answer(message["method"], params, self._received, own=self._own_tools)
        if known is None and message["method"] == "tools/call":
            known = self._call(params["name"], params.get("arguments") or {})
        body = {"error": {"code": -32601, "message": "no"}} if known is None else {"result": known}
        self._send({"id": message["id"], **body})

    def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "leak":
            for value in (*self._received["environment"].values(), *self._received["arguments"]):
                sys.stderr.write(f"the credential is {value}, and again {json.dumps(value)}\n")
            sys.stderr.flush()
        if name == "ask":
            return self._ask()
        if name == "spy":
            return text_of({"found": _environments_of_others()})
        until = arguments.get("until")
        while until is not None and not Path(until).exists():
            time.sleep(_POLL_SECONDS)
        return text_of({**self._received, "process": os.getpid()})

    def _ask(self) -> dict[str, Any]:
        """Ask the host, then return what was received with its answer."""
        event, kept = threading.Event(), dict[str, Any]()
        number = secrets.token_hex(4)
        self._answers[number] = event, kept
        schema = {"type": "object", "properties": {"yes": {"type": "boolean"}}}
        params = {"message": "go on?", "requestedSchema": schema}
        self._send({"id": number, "method": "elicitation/create", "params": params})
        event.wait()
        return text_of({**self._received, "answer": kept.get("result", kept.get("error"))})


def _environments_of_others() -> list[str]:
    """Return the credentials in the environment of other processes that may be read."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if file.parent.name != str(os.getpid()):
            found += [each.decode() for each in variables if each.startswith(b"CREDENTIAL_")]
    return found


async def _serve_alone(*, own_tools: bool, accepted_prefix: str) -> None:
    async with serve_echoing(own_tools=own_tools) as server:
        server.accepted_prefix = accepted_prefix
        print(json.dumps({"url": server.url}), flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve over stdio, or with `--http` over HTTP; then the first line of the output has the URL."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--http", action="store_true")
    flags.add_argument("--record", help="is ignored")
    flags.add_argument("--own-tools", action="store_true")
    flags.add_argument("--accepts", default="", help="what the value of Authorization has to begin with")
    flags.add_argument("rest", nargs="*")
    given = flags.parse_args()
    if given.http:
        asyncio.run(_serve_alone(own_tools=given.own_tools, accepted_prefix=given.accepts))
    else:
        StdioEcho(given.rest, own_tools=given.own_tools).run()


if __name__ == "__main__":
    main()
