"""A running server with users, grants and downstreams; everything stops when the block ends."""

import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.end_to_end.faces import FACES, Answer, Face, Wire
from tests.fakes.mcp_servers import ROOT, command, stdio_options
from tests.patience import PATIENCE
from tests.rig import Rig

T = TypeVar("T")

GROUP = "developers"

_INTERNAL = (
    "Traceback",
    ".py",
    "site-packages",
    "ambassador_",
    "Exception",
    "Error(",
    "msgspec",
    "aiohttp",
)
_MACHINE = ("/tmp/", "/home/", "/usr/", f"{Path.home()}/", str(ROOT))


def until(holds: Callable[[], T], what: str) -> T:
    """Return the first true value of `holds`; fail if there is none in time."""
    deadline, pause = time.monotonic() + PATIENCE, 0.02
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(pause)
        # Who asks a server too often slows down what is awaited.
        pause = min(pause * 1.25, 0.15)
    return value


def assert_nothing_internal(text: str, asked: str = "") -> None:
    """Assert that an error discloses nothing about the code of the server or its machine.

    What the request itself `asked` for may be named in the answer.
    """
    found = [word for word in (*_INTERNAL, *_MACHINE) if word in text and word not in asked]
    assert not found, f"{found} in {text[:500]}"


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a client key."""

    name: str
    key_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller who presents a secret: a session token, or a key."""

    http: httpx.Client
    secret: str
    session_id: str = ""
    connection_id: str = ""

    def call(self, face: Face, tool: Any, arguments: Any = None) -> Answer:
        """Call a tool."""
        response = self.send(face.call(self.secret, tool, {} if arguments is None else arguments))
        return face.read(response.status_code, response.content)

    def names(self, face: Face) -> list[str]:
        """List tools."""
        response = self.send(face.listing(self.secret))
        assert response.status_code == 200, response.text
        return face.names(response.content)

    def heartbeat(self) -> httpx.Response:
        """Send a heartbeat."""
        return self.http.post("/v1/sessions/heartbeat", headers=self._token, json={})

    def disconnect(self) -> httpx.Response:
        """End the session."""
        path = f"/v1/sessions/connections/{self.connection_id}"
        return self.http.delete(path, headers=self._token)

    def send(self, wire: Wire) -> httpx.Response:
        """Send a request unchanged; headers may contain any byte."""
        headers = {name.encode(): value.strip().encode("latin-1") for name, value in wire.headers.items()}
        return self.http.request(wire.method, wire.path, headers=headers, content=wire.body or None)

    @property
    def _token(self) -> dict[bytes, bytes]:
        return {b"X-Session-Token": self.secret.strip().encode("latin-1")}


@dataclass
class World:
    """One server; `http` connects to the client port, `admin` to the admin port with the first admin key."""

    rig: Rig
    http: httpx.Client = field(init=False)
    admin: httpx.Client = field(init=False)
    made: int = 0

    def start(self) -> None:
        """Start the server, or start it again on the same ports."""
        again = bool(self.rig.ports)
        self.rig.start()
        if again:
            return
        verify = ssl.create_default_context(cafile=self.rig.facts["ca_file"]) if self.rig.tls else False
        self.http = httpx.Client(
            base_url=self.rig.client_url, verify=verify, timeout=PATIENCE, trust_env=False
        )
        self.admin = httpx.Client(
            base_url=self.rig.admin_url,
            verify=verify,
            timeout=PATIENCE,
            trust_env=False,
            headers={"X-Admin-Key": self.rig.facts["admin_key"]},
        )

    def restart(self) -> None:
        """Stop the server and start it again; open connections are opened again."""
        assert self.rig.stop() == 0
        self.start()

    def close_connections(self) -> None:
        """Close the connections of this test."""
        self.http.close()
        self.admin.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the admin API, which must succeed."""
        response = self.admin.request(method, f"/v1/admin/{path}", json=body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def fresh(self, word: str) -> str:
        """Return a new name."""
        self.made += 1
        return f"{word}-{self.made}"

    def person(self, *groups: str, lasts: int | None = None) -> Person:
        """Create a user with a key in these groups, by default in the group with grants for everything."""
        name = self.fresh("person")
        self.ask("POST", "users", {"name": name})
        for group in groups or (GROUP,):
            self.ask("PUT", f"groups/{group}/members/{name}")
        issued = self.ask("POST", "keys", {"user": name, "name": "laptop", "expires_in_seconds": lasts})
        return Person(name, issued["key"]["id"], issued["preshared_key"])

    def group(self, *mcps: str) -> str:
        """Create a group with a grant for each MCP."""
        name = self.fresh("group")
        self.ask("POST", "groups", {"name": name})
        for mcp in mcps:
            self.ask("POST", "grants", {"group": name, "mcp": mcp})
        return name

    def register(self, key: str, **changes: Any) -> httpx.Response:
        """Try to open a session."""
        body = {"preshared_key": key, "friendly_name": "laptop", "host_tool": "cli", **changes}
        return self.http.post("/v1/sessions/register", json=body)

    def session(self, person: Person) -> Caller:
        """Open a session."""
        response = self.register(person.key)
        assert response.status_code == 201, response.text
        opened = response.json()
        return Caller(self.http, opened["session_token"], opened["session_id"], opened["connection_id"])

    def caller(self) -> Caller:
        """Open a session of a new user who may call everything."""
        return self.session(self.person())

    def offer(self, name: str, transport: str, options: dict[str, Any], **more: Any) -> None:
        """Add a draft MCP."""
        self.ask("POST", "mcps", {"name": name, "transport": transport, "options": options, **more})

    def publish(self, name: str, transport: str, options: dict[str, Any], **more: Any) -> None:
        """Add an MCP, publish it, grant it to the developers, and wait until it is connected."""
        self.offer(name, transport, options, **more)
        self.ask("POST", f"mcps/{name}/publish")
        self.ask("POST", "grants", {"group": GROUP, "mcp": name})
        until(lambda: self.ask("GET", f"mcps/{name}")["state"] == "ready", f"{name} is ready")

    def publish_fixture(self, name: str, *flags: str) -> None:
        """Publish the fixture server over stdio."""
        self.publish(name, "stdio", stdio_options(*flags))

    def events(self, **query: str) -> list[dict[str, Any]]:
        """Return audit events, newest first, when the index has all that was recorded before."""
        items: list[dict[str, Any]] = until(lambda: self._indexed_events(query), "the index is complete")[
            "items"
        ]
        return items

    def _indexed_events(self, query: dict[str, str]) -> dict[str, Any] | None:
        response = self.admin.get("/v1/admin/audit/events", params={"limit": "1000", **query})
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return None if page["index"]["behind_records"] else page

    def log_text(self) -> str:
        """Return what the server has written to its log."""
        return self.rig.log_file.read_text()


@dataclass(frozen=True, slots=True)
class Downstream:
    """The fixture server over HTTP, and the file to which it writes every tools/call before it runs it."""

    url: str
    record: Path
    start: int = 0
    """The offset in the file from which calls are counted."""

    def calls(self) -> list[dict[str, Any]]:
        """Return the params of every call that arrived."""
        return [json.loads(line) for line in self._lines()]

    def count(self) -> int:
        """Return how many calls arrived."""
        return len(self._lines())

    def from_here(self) -> "Downstream":
        """Return the same server, which counts calls from now on."""
        return replace(self, start=self.record.stat().st_size)

    def _lines(self) -> list[bytes]:
        # Before the start can be hundreds of megabytes: large arguments of another module.
        with self.record.open("rb") as record:
            record.seek(self.start)
            return record.read().rpartition(b"\n")[0].splitlines()


@contextmanager
def downstream(directory: Path, *flags: str, server: str = "http_server") -> Iterator[Downstream]:
    """Run a fixture server over HTTP in a process of its own."""
    record = directory / f"{server}-calls{''.join(flags)}.jsonl"
    record.touch()
    process = subprocess.Popen(
        command(server, "--record", str(record), *flags), stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        yield Downstream(json.loads(process.stdout.readline())["url"], record)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def running(
    directory: Path, prepared: Rig, *, server: tuple[str, ...] = (), **settings: Any
) -> Iterator[World]:
    """Run a server on a copy of a prepared data directory, without TLS; `settings` go into its configuration.

    `server` is another command to run it.
    """
    configured = directory / "server.yaml"
    configured.write_text(json.dumps(settings))
    rig = Rig(
        directory,
        tls=False,
        server_flags=("--config", str(configured)),
        is_preloaded=not server,
        facts=dict(prepared.facts),
        **({"server": server} if server else {}),
    )
    shutil.copytree(prepared.data_dir, rig.data_dir)
    world = World(rig)
    try:
        world.start()
        world.ask("POST", "groups", {"name": GROUP})
        yield world
        world.close_connections()
    finally:
        end(rig)


def end(rig: Rig) -> None:
    """Stop the server; kill it if it does not exit."""
    try:
        rig.stop()
    except subprocess.TimeoutExpired:
        assert rig.process is not None
        rig.process.kill()
        rig.process.wait()
        raise


def assert_works(caller: Caller, tool: str = "tools__echo") -> None:
    """Assert that the tool is listed and answers on every face."""
    for face in FACES:
        assert tool in caller.names(face), face
        answer = caller.call(face, tool, {"text": "hello"})
        assert answer.succeeded, (face, answer)
        assert answer.text == "hello"


def assert_refused(caller: Caller, *words: str, tool: str = "tools__echo") -> None:
    """Assert that the tool is not listed and a call is refused with these words on every face."""
    for face in FACES:
        answer = caller.call(face, tool, {"text": "must not run"})
        assert answer.failed, (face, answer)
        assert all(word in answer.text for word in words), (face, answer)
        assert tool not in caller.names(face), face
        assert_nothing_internal(json.dumps(answer.body))
