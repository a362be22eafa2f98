"""A small host application: starts the proxy as a process and exchanges messages through its pipes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.client.fake_server import KEY
from tests.patience import PATIENCE

Json = dict[str, Any]

META = "io.modelcontextprotocol/"
MODERN = {
    f"{META}protocolVersion": "2026-07-28",
    f"{META}clientInfo": {"name": "host", "version": "1"},
    f"{META}clientCapabilities": {},
}
_ROOT = Path(__file__).parents[2]


def environment(url: str, state: Path, **more: str) -> dict[str, str]:
    """Return the environment of a proxy process, with all files below `state`."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "SYSTEMROOT", "PYTHONDONTWRITEBYTECODE")
        if name in os.environ
    }
    return {
        **kept,
        "HOME": str(state),
        "XDG_RUNTIME_DIR": str(state),
        "PYTHONPATH": str(_ROOT),
        "MCP_AMBASSADOR_URL": url,
        "MCP_AMBASSADOR_PRESHARED_KEY": KEY,
        **more,
    }


class Host:
    """One proxy process; `answers` are stored by id, arrays of them in `batches`, other messages in `notifications`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.answers: dict[Any, Json] = {}
        self.lines: list[bytes] = []
        self.notifications: list[Json] = []
        self.batches: list[list[Json]] = []
        self.errors = ""
        self._numbers = 0
        self._changed = asyncio.Condition()
        self._readers = [asyncio.create_task(self._read_output()), asyncio.create_task(self._read_errors())]

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Return the pipe to the proxy."""
        assert self.process.stdin is not None
        return self.process.stdin

    def send_line(self, line: bytes) -> None:
        """Send raw bytes and a newline."""
        self.stdin.write(line + b"\n")

    def send(self, message: Json) -> None:
        """Send one message."""
        self.send_line(json.dumps(message).encode())

    def start_request(self, method: str, params: Json | None = None, *, modern: bool = False) -> int:
        """Send a request and return its id."""
        self._numbers += 1
        params = dict(params or {})
        if modern:
            params["_meta"] = MODERN
        self.send({"jsonrpc": "2.0", "id": self._numbers, "method": method, "params": params})
        return self._numbers

    async def request(self, method: str, params: Json | None = None, *, modern: bool = False) -> Json:
        """Send a request and return the whole answer."""
        return await self.answer(self.start_request(method, params, modern=modern))

    async def call(self, tool: str, arguments: Json | None = None, *, modern: bool = False) -> Json:
        """Call a tool and return the whole answer."""
        return await self.request("tools/call", {"name": tool, "arguments": arguments or {}}, modern=modern)

    async def initialize(self, version: str = "2025-06-18") -> Json:
        """Perform the legacy handshake."""
        info = {"name": "host", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
        answer = await self.request("initialize", params)
        self.notify("notifications/initialized")
        return answer

    def notify(self, method: str, params: Json | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params or {}})

    async def answer(self, request_id: Any) -> Json:
        """Return the answer to a request."""
        await self.until(lambda: request_id in self.answers)
        return self.answers[request_id]

    async def until(self, condition: Any) -> None:
        """Wait until the condition holds; it is checked after every line from the proxy."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(condition)

    async def until_said(self, text: str) -> None:
        """Wait until the text appears on standard error."""
        await self.until(lambda: text in self.errors)

    async def leave(self) -> int:
        """Close the pipe to the proxy and return its exit code."""
        self.stdin.close()
        return await self.exit_code()

    async def exit_code(self) -> int:
        """Wait for the end of the proxy and of its output."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def _read_output(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line)
            message = json.loads(line)
            async with self._changed:
                if isinstance(message, list):
                    self.batches.append(message)
                elif "method" in message:
                    self.notifications.append(message)
                else:
                    assert message["id"] not in self.answers or message["id"] is None, "answered twice"
                    self.answers[message["id"]] = message
                self._changed.notify_all()

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self._changed:
                self.errors += line.decode()
                self._changed.notify_all()


@asynccontextmanager
async def host(
    env: dict[str, str], arguments: Sequence[str] = ("proxy",), module: str = "ambassador_client"
) -> AsyncIterator[Host]:
    """Start a proxy; kill it at the end of the block if it is still running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=128 << 20,
    )
    running = Host(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        running.stdin.close()
        await running.exit_code()
