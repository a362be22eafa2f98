"""A provisioned server, the relay beside it and the downstream behind both; parts start when a scenario needs them."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.load import NUMBER, Job
from tests.benchmarks.processes import BenchError, listening
from tests.rig import Rig

VERSION = "2025-11-25"
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": VERSION,
}
MCP, TOOL = "bench", "bench__echo"
TEXT = f"call {NUMBER}: the quick brown fox jumps over the lazy dog"
_READY_SECONDS = 30.0
_UNBOUND = {
    "calls_per_minute": 1_000_000_000,
    "sessions_per_minute": 1_000_000,
    "audit_bytes_per_minute": 1_000_000_000_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The amount of measurement; times are in seconds."""

    rounds: int
    seconds: float
    warm_up: float
    starts: int
    calls: int
    registrations: int
    events: int
    indexed: int
    index_seconds: float


FULL = Effort(
    rounds=7,
    seconds=3.0,
    warm_up=0.5,
    starts=25,
    calls=300,
    registrations=1000,
    events=1_000_000,
    indexed=100_000,
    index_seconds=30.0,
)
QUICK = Effort(
    rounds=2,
    seconds=0.3,
    warm_up=0.1,
    starts=2,
    calls=30,
    registrations=50,
    events=4_000,
    indexed=3_000,
    index_seconds=1.0,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server for POST `/mcp`, and its name of the tool."""

    process_id: int
    url: str
    tool: str
    tokens: tuple[str, ...] = ("",)
    ca_file: str | None = None
    token_header: str = "X-Session-Token"
    token_scheme: str = ""

    def call(self, **how: Any) -> Job:
        """Return the job that calls the tool; `how` has the duration and the number of connections."""
        return self._job(call_body(self.tool), TEXT, **how)

    def list_tools(self, expect: str, **how: Any) -> Job:
        """Return the job that lists the tools."""
        return self._job(message("tools/list", {}), expect, **how)

    def _job(self, body: str, expect: str, **how: Any) -> Job:
        where: dict[str, Any] = {"url": self.url, "headers": HEADERS, "ca_file": self.ca_file}
        token = {"token_header": self.token_header, "token_scheme": self.token_scheme}
        return Job(body=body, expect=expect, tokens=self.tokens, **token, **where, **how)


class World:
    """One data directory, provisioned once: a user, a group, a key, and an MCP with a grant.

    With `hurries`, a running server serves the next scenario too, whatever the last one left it to tidy up.
    """

    def __init__(self, directory: Path, *, hurries: bool = False, server: tuple[str, ...] = ()) -> None:
        # One key stands for the keys of many users: it may do what all of them may.
        configured = directory / "server.yaml"
        configured.write_text(json.dumps({"session": {"per_key": 10_000}, "limits": _UNBOUND}))
        how: dict[str, Any] = {"server": server} if server else {}
        self.rig = Rig(directory, tls=False, server_flags=("--config", str(configured)), **how)
        self.key = ""
        self._hurries = hurries
        self._stack = ExitStack()
        self._urls: dict[str, str] = {}

    def close(self) -> None:
        """End every process."""
        self._stack.close()

    def beside(self, name: str, server: tuple[str, ...] = ()) -> "World":
        """Return a separate world, whose server may be started by another command."""
        directory = self.rig.directory / name
        directory.mkdir()
        return World(directory, hurries=self._hurries, server=server)

    def serve(self, *, tls: bool, sessions: int, fresh: bool = False) -> Endpoint:
        """Return our server, started again, with this many sessions."""
        self._provision()
        if fresh or not self._hurries or self.rig.tls is not tls:
            self._restart(tls=tls)
        return self.endpoint(sessions=sessions)

    def endpoint(self, *, sessions: int) -> Endpoint:
        """Return our running server with this many sessions."""
        tokens = tuple(self._register() for _ in range(sessions))
        return Endpoint(self.process_id, f"{self.rig.client_url}/mcp", TOOL, tokens, self.ca_file)

    def offer(self, mcp: str, tools: int, *options: str) -> None:
        """Add an MCP, publish it and grant it; it has `echo` and more tools up to the given number."""
        self._provision()
        _, port = self._stack.enter_context(listening("downstream", "--tools", str(tools)))
        self._urls[mcp] = f"http://127.0.0.1:{port}/mcp"
        self.rig.admin("mcp", "add", mcp, "--url", self._urls[mcp], *options)
        self.rig.admin("mcp", "publish", mcp)
        self.rig.admin("grant", "add", "developers", mcp)

    @contextmanager
    def relay(self, *, tls: bool, mcp: str = MCP) -> Iterator[Endpoint]:
        """Run the bare relay in front of the same downstream, with the server's certificate."""
        self._provision()
        certificates = self.rig.data_dir / "certificates"
        files = (
            "--certificate",
            str(certificates / "server.pem"),
            "--key",
            str(certificates / "server-key.pem"),
        )
        with listening("relay", "--downstream", self._urls[mcp], *(files if tls else ())) as (
            process_id,
            port,
        ):
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/mcp"
            yield Endpoint(process_id, url, "echo", ca_file=self.rig.facts["ca_file"] if tls else None)

    @property
    def process_id(self) -> int:
        """Return the process id of our running server."""
        assert self.rig.process is not None
        return self.rig.process.pid

    @property
    def ca_file(self) -> str | None:
        """Return the CA file that verifies the server's certificate, None without TLS."""
        return self.rig.facts["ca_file"] if self.rig.tls else None

    def register_body(self) -> dict[str, str]:
        """Return the body with which a client process registers."""
        return {"preshared_key": self.key, "friendly_name": "bench", "host_tool": "custom"}

    def _provision(self) -> None:
        if self.key:
            return
        self._stack.callback(self.rig.stop)
        self.rig.init()
        self.rig.start()
        self.rig.admin("user", "create", "alice")
        self.rig.admin("group", "create", "developers")
        self.rig.admin("group", "add-member", "developers", "alice")
        self.key = self.rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"]
        self.offer(MCP, 1)
        self.await_tool(TOOL)

    def _restart(self, *, tls: bool) -> None:
        self.rig.stop()
        self.rig.tls = tls
        self.rig.ports = {}
        self.rig.start()
        self.await_tool(TOOL)

    def _register(self) -> str:
        status, answer = self.post("/v1/sessions/register", json.dumps(self.register_body()), {})
        if status != 201:
            raise BenchError(f"register answered {status}: {answer!r}")
        token: str = json.loads(answer)["session_token"]
        return token

    def await_tool(self, tool: str) -> None:
        """Wait until the server reaches the downstream; the last known tools are listed before that."""
        headers = {**HEADERS, "X-Session-Token": self._register()}
        call = call_body(tool).replace(NUMBER, "1")
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            status, answer = self.post("/mcp", call, headers)
            if status == 200 and TEXT.replace(NUMBER, "1").encode() in answer:
                return
            if time.monotonic() > deadline:
                raise BenchError(f"the server does not reach its downstream: {status} {answer[:500]!r}")
            time.sleep(0.05)

    def get(self, path: str) -> Any:
        """Return the JSON answer of our server to a GET, outside a measurement."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rig.ports["port"])
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def post(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send one request to our server, outside a measurement."""
        host, port = "127.0.0.1", self.rig.ports["port"]
        if self.rig.tls:
            context = ssl.create_default_context(cafile=self.ca_file)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, context=context)
        else:
            connection = http.client.HTTPConnection(host, port)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def call_body(tool: str, **more: Any) -> str:
    """Return one call of the tool without its number, with more arguments than it needs."""
    return message("tools/call", {"name": tool, "arguments": {"text": TEXT, **more}})


def message(method: str, params: dict[str, Any]) -> str:
    """Return a request whose number is still open."""
    head = f'{{"jsonrpc":"2.0","id":{NUMBER},"method":"{method}","params":'
    return head + json.dumps(params, separators=(",", ":")) + "}"
