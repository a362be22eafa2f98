"""A database that hangs: what is asked for is refused with the reason, and no list is empty because of it."""

import fcntl
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from ambassador_server.web.client.routes import client_routes
from tests.end_to_end.faces import FACES, MCP_FACES, REST, Face, Wire
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import GROUP, Caller, Person, World, until

# The bytes of the shared-memory file that SQLite locks to read and to write (https://sqlite.org/walformat.html).
_LOCKS = (120, 8)
_JSON = {"Content-Type": "application/json"}


@contextmanager
def hanging(world: World) -> Iterator[None]:
    """Hold every lock of the server's database, as a stuck process does: neither readers nor writers get an answer."""
    first, count = _LOCKS
    with (world.rig.data_dir / "ambassador.db-shm").open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX, count, first)
        yield


_ON_DATABASE = {
    ("POST", "/v1/sessions/register"),
    ("POST", "/v1/sessions/heartbeat"),
    ("DELETE", "/v1/sessions/connections/{connection_id}"),
    ("POST", "/v1/enrol"),
    ("POST", "/v1/me/key/rotate"),
    ("GET", "/v1/me/requests"),
    ("POST", "/v1/me/requests"),
    ("GET", "/v1/me/requests/{id}"),
    ("POST", "/v1/me/requests/{id}/cancel"),
    ("POST", "/v1/me/requests/{id}/approve"),
    ("POST", "/v1/me/requests/{id}/deny"),
    ("PUT", "/v1/me/subscriptions/{mcp}"),
    ("DELETE", "/v1/me/subscriptions/{mcp}"),
    ("PUT", "/v1/me/meta-tools"),
    ("PUT", "/v1/credentials/{mcp}"),
    ("DELETE", "/v1/credentials/{mcp}"),
    ("POST", "/v1/credentials/{mcp}/connect/finish"),
    ("DELETE", "/v1/credentials/{mcp}/connect"),
    ("GET", "/connect/{ticket}"),
    ("GET", "/oauth/callback"),
}
"""The routes of the client API that read or write the database in steady state."""

_IN_MEMORY = {
    ("GET", "/health"),
    ("GET", "/live"),
    ("GET", "/ready"),
    ("GET", "/v1/trust/ca.pem"),
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("GET", "/v1/sign-in"),
    ("GET", "/v1/tools"),
    ("POST", "/v1/tools/invoke"),
    ("GET", "/v1/me"),
    ("GET", "/v1/me/catalog"),
    ("GET", "/v1/credentials"),
    ("GET", "/v1/credentials/{mcp}"),
    ("GET", "/credentials/{mcp}"),
    ("GET", "/oauth/client-metadata"),
    ("GET", "/.well-known/oauth-protected-resource"),
    ("GET", "/.well-known/oauth-protected-resource/{path:.*}"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/oauth-authorization-server/{path:.*}"),
    ("POST", "/oauth/token"),
    ("POST", "/oauth/hosts/{name}/register"),
    ("GET", "/oauth/hosts/{name}/authorize"),
    ("POST", "/oauth/hosts/{name}/authorize"),
}
"""The other routes: they use the database only to load a session, and `/ready` reports on it."""


_AT_A_PROVIDER = {
    ("POST", "/v1/sign-in"),
    ("POST", "/v1/credentials/{mcp}/connect"),
    ("GET", "/v1/connections"),
    ("GET", "/oauth/hosts/{name}/callback"),
    ("POST", "/oauth/hosts/{name}/token"),
}
"""Asks an issuer or authorization server before it uses the database, or uses it only for a user connected at one."""


def test_every_route_of_the_client_api_is_in_one_of_the_tables() -> None:
    routes = {(route.method, route.path) for route in client_routes()}
    assert routes == _ON_DATABASE | _IN_MEMORY | _AT_A_PROVIDER


def test_every_request_gives_up_while_the_database_hangs(world: World) -> None:
    person = world.person()
    offer_with_credentials(world)
    code = world.ask("POST", "enrolments", {"user": person.name, "name": "desk"})["code"]
    unloaded = world.session(person)
    world.restart()
    held, leaving = world.session(person), world.session(person)
    token = {"X-Session-Token": held.secret}
    requests = {
        ("POST", "/v1/sessions/register"): Wire(
            "POST", "/v1/sessions/register", _JSON, _registration(person)
        ),
        ("POST", "/v1/sessions/heartbeat"): Wire("POST", "/v1/sessions/heartbeat", token),
        ("DELETE", "/v1/sessions/connections/{connection_id}"): Wire(
            "DELETE", f"/v1/sessions/connections/{leaving.connection_id}", {"X-Session-Token": leaving.secret}
        ),
        ("POST", "/v1/enrol"): Wire("POST", "/v1/enrol", _JSON, json.dumps({"code": code}).encode()),
        ("POST", "/v1/me/key/rotate"): Wire(
            "POST", "/v1/me/key/rotate", token | _JSON, json.dumps({"preshared_key": person.key}).encode()
        ),
        ("POST", "/v1/me/requests"): Wire(
            "POST",
            "/v1/me/requests",
            token | _JSON,
            json.dumps({"access": "tools", "reason": "x", "for_seconds": 60}).encode(),
        ),
        ("GET", "/v1/me/requests"): Wire("GET", "/v1/me/requests?to_decide=true", token),
        ("GET", "/v1/me/requests/{id}"): Wire("GET", "/v1/me/requests/x", token),
        ("POST", "/v1/me/requests/{id}/cancel"): Wire("POST", "/v1/me/requests/x/cancel", token),
        ("POST", "/v1/me/requests/{id}/approve"): Wire(
            "POST", "/v1/me/requests/x/approve", token | _JSON, b"{}"
        ),
        ("POST", "/v1/me/requests/{id}/deny"): Wire("POST", "/v1/me/requests/x/deny", token | _JSON, b"{}"),
        ("PUT", "/v1/me/subscriptions/{mcp}"): Wire(
            "PUT", "/v1/me/subscriptions/tools", token | _JSON, b"{}"
        ),
        ("PUT", "/v1/me/meta-tools"): Wire("PUT", "/v1/me/meta-tools", token | _JSON, b'{"meta_tools":"on"}'),
        ("DELETE", "/v1/me/subscriptions/{mcp}"): Wire("DELETE", "/v1/me/subscriptions/tools", token),
        ("PUT", "/v1/credentials/{mcp}"): Wire(
            "PUT", "/v1/credentials/keyed", token | _JSON, json.dumps({"values": {"token": "x"}}).encode()
        ),
        ("DELETE", "/v1/credentials/{mcp}"): Wire("DELETE", "/v1/credentials/keyed", token),
        ("POST", "/v1/credentials/{mcp}/connect/finish"): Wire(
            "POST",
            "/v1/credentials/connected/connect/finish",
            token | _JSON,
            json.dumps({"ticket": "x", "code": "x"}).encode(),
        ),
        ("DELETE", "/v1/credentials/{mcp}/connect"): Wire(
            "DELETE", "/v1/credentials/connected/connect", token
        ),
        ("GET", "/connect/{ticket}"): Wire("GET", "/connect/x", {}),
        ("GET", "/oauth/callback"): Wire("GET", "/oauth/callback?state=x", {}),
    }
    assert set(requests) == _ON_DATABASE
    loading = [face.listing(unloaded.secret) for face in FACES]
    with hanging(world), ThreadPoolExecutor(len(requests) + len(loading)) as pool:
        answers = list(pool.map(held.send, [*requests.values(), *loading]))
    until(lambda: all(ready(world).values()), "the server is ready again")
    for answer in answers:
        assert answer.status_code == 503, (answer.request.url, answer.text)
        # Not the error that SQLite itself gives after ten seconds.
        assert "nothing in 2 seconds" in answer.text, (answer.request.url, answer.text)
    assert world.register(person.key).status_code == 201


def offer_with_credentials(world: World) -> None:
    """Publish an MCP with a value of each user, and one with access by OAuth."""
    place = {"name": "token", "place": "header", "target": "X-Token"}
    for name, needs in (("keyed", {"fields": [place]}), ("connected", {"oauth": {}})):
        world.offer(name, "streamable_http", {"url": "https://mcp.example/mcp"}, credentials=needs)
        world.ask("POST", f"mcps/{name}/publish")
        world.ask("POST", "grants", {"group": GROUP, "mcp": name})


def _registration(person: Person) -> bytes:
    return json.dumps({"preshared_key": person.key, "friendly_name": "laptop", "host_tool": "cli"}).encode()


@pytest.fixture(scope="module")
def stale(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, Client]]:
    """Return a caller and a client of one user, while the server cannot confirm its policy."""
    person = world.person()
    caller, client = world.session(person), Client(world, tmp_path_factory.mktemp("client"))
    client.login(person)
    with hanging(world):
        until(lambda: not ready(world)["policy"], "the policy is stale")
        yield caller, client
    until(lambda: all(ready(world).values()), "the server is ready again")


def ready(world: World) -> dict[str, bool]:
    """Return the checks of `/ready`."""
    checks: dict[str, bool] = world.http.get("/ready").json()["checks"]
    return checks


def me(caller: Caller, path: str) -> httpx.Response:
    """Ask for the caller's own access."""
    return caller.http.get(f"/v1/me{path}", headers={"X-Session-Token": caller.secret})


def test_no_list_is_empty_while_the_policy_is_stale(world: World, stale: tuple[Caller, Client]) -> None:
    caller, client = stale
    for face in FACES:
        response = caller.send(face.listing(caller.secret))
        answer = face.read(response.status_code, response.content)
        assert answer.failed, (face, answer)
        assert "policy_stale" in answer.text, (face, answer)
    for face in MCP_FACES:
        error = caller.send(face.listing(caller.secret)).json()["error"]
        assert (error["code"], error["data"]["reason"]) == (-31001, "policy_stale")
    for response in (caller.send(REST.listing(caller.secret)), me(caller, "/catalog")):
        problem = response.json()
        assert (response.status_code, problem["code"], problem["error"]) == (503, "AMB-4004", "policy_stale")
    status = me(caller, "").json()
    assert (status["refused"], status["tools"]) == ("policy_stale", 0)
    for words, code in ((("tools", "list"), 4), (("catalog", "list"), 7)):
        assert "policy_stale" in client.run(*words, expect=code).stderr


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_stale_policy_tells_no_tool_from_one_that_does_not_exist(
    face: Face, stale: tuple[Caller, Client]
) -> None:
    caller, _ = stale
    known, unknown = (caller.call(face, tool) for tool in ("tools__echo", "tools__nothing"))
    assert known.failed
    assert "policy_stale" in known.text
    assert unknown.text == known.text.replace("tools__echo", "tools__nothing")
