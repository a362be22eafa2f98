"""Only a valid secret is accepted, only on its own APIs, and the server stores none of them readably."""

import base64
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from ambassador_server.crypto.key_ring import load_or_create
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.web import health
from ambassador_server.web.admin.routes import admin_endpoints
from ambassador_server.web.client import mcp, sessions, tools
from ambassador_server.web.endpoints import Endpoint
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN
from tests.end_to_end.raw_http import exchange, head
from tests.end_to_end.world import Caller, Downstream, Person, World, assert_nothing_internal, assert_works
from tests.patience import PATIENCE

PROBES = health.endpoints()
ADMIN_ENDPOINTS = [each for each in admin_endpoints() if each.path not in {probe.path for probe in PROBES}]
CLIENT_ROUTES = [route for module in (mcp, sessions, tools) for route in module.routes()]
TOKEN_BYTES = 75


@pytest.fixture(scope="module")
def person(world: World) -> Person:
    return world.person()


@pytest.fixture(scope="module")
def caller(world: World, person: Person) -> Caller:
    return world.session(person)


@pytest.fixture(autouse=True)
def _no_forged_call_arrives(tools: Downstream) -> Iterator[None]:
    yield
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "forged"]


def assert_not_accepted(world: World, secret: str) -> None:
    """Assert that every route of the client API refuses the secret."""
    caller = Caller(world.http, secret, connection_id="x")
    for face in FACES:
        answer = caller.send(face.call(secret, "tools__echo", {"text": "forged"}))
        assert answer.status_code == 401, (face, answer.text)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        body = answer.json()
        assert (body["error"], body["code"]) in {
            ("Unauthorized", "AMB-2002"),
            ("invalid_credentials", "AMB-2001"),
        }
        assert secret[:20] not in answer.text or not secret
        assert_nothing_internal(answer.text)
        assert caller.send(face.listing(secret)).status_code == 401
    assert caller.heartbeat().status_code == 401
    assert caller.disconnect().status_code == 401


def _decoded(token: str) -> bytearray:
    return bytearray(base64.urlsafe_b64decode(token.removeprefix("amb_st_")))


def _encoded(raw: bytes) -> str:
    return "amb_st_" + base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "x",
        "amb_st_",
        "amb_pk_",
        "amb_st_" + "A" * 100,
        "amb_pk_" + "A" * 48,
        "amb_st_\u00fc" + "A" * 99,
        "null",
    ],
)
def test_unknown_secret_is_refused_everywhere(world: World, secret: str) -> None:
    assert_not_accepted(world, secret)


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token", "bearer:", ""])
def test_other_authorization_schemes_are_refused(world: World, caller: Caller, scheme: str) -> None:
    wire = LEGACY.call(caller.secret, "tools__echo", {"text": "forged"})
    headers = {**wire.headers, "Authorization": f"{scheme} {caller.secret}".strip()}
    assert world.http.post("/mcp", headers=headers, content=wire.body).status_code == 401


def test_flipping_any_bit_of_a_token_makes_it_invalid(world: World, caller: Caller) -> None:
    genuine = _decoded(caller.secret)
    assert len(genuine) == TOKEN_BYTES
    for position in range(0, TOKEN_BYTES, 3):
        for bit in range(8):
            forged = genuine.copy()
            forged[position] ^= 1 << bit
            answer = Caller(world.http, _encoded(bytes(forged))).heartbeat()
            assert answer.status_code == 401, (position, bit)
    assert_not_accepted(world, _encoded(bytes([*genuine[:-1], genuine[-1] ^ 1])))


def test_flipping_any_bit_of_a_letter_makes_the_token_invalid(world: World, caller: Caller) -> None:
    for position in range(0, len(caller.secret), 9):
        for bit in range(8):
            forged = bytearray(caller.secret.encode())
            forged[position] ^= 1 << bit
            headers = {"X-Session-Token": forged.decode("latin-1"), "Connection": "close"}
            answer = exchange(world.rig.ports["port"], head("POST", "/v1/sessions/heartbeat", headers))
            assert answer.status in (400, 401), (position, bit)
            assert_nothing_internal(answer.body)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "=",
        lambda token: token + "A",
        lambda token: token[:-1],
        lambda token: token[:-4],
        lambda token: token.lower(),
        lambda token: token.removeprefix("amb_st_"),
        lambda token: token.replace("amb_st_", "amb_pk_"),
        lambda token: token.replace("amb_st_", "AMB_ST_"),
        lambda token: token[:40] + " " + token[40:],
        lambda token: token.replace("-", "+").replace("_", "/"),
        lambda token: token + "," + token,
        lambda token: "Bearer " + token,
    ],
)
def test_other_spelling_of_a_token_is_invalid(
    world: World, caller: Caller, change: Callable[[str], str]
) -> None:
    assert_not_accepted(world, change(caller.secret))


def test_token_signed_with_the_keys_of_another_server_is_invalid(
    world: World, person: Person, caller: Caller, tmp_path: Path
) -> None:
    foreign = HmacSessionTokens(load_or_create(tmp_path / "keys"))
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    assert_not_accepted(world, foreign.mint(caller.session_id, person.key_id, in_an_hour))


def test_token_needs_more_than_the_right_signature(world: World, person: Person, caller: Caller) -> None:
    """The signing key alone is not enough to take over a session, or to forge one."""
    own = HmacSessionTokens(load_or_create(world.rig.data_dir / "keys"))
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    assert_not_accepted(world, own.mint(caller.session_id, person.key_id, in_an_hour))
    assert_not_accepted(world, own.mint("00000000-0000-4000-8000-000000000000", person.key_id, in_an_hour))
    assert_works(caller)


def test_token_of_a_closed_session_is_invalid(world: World, person: Person) -> None:
    leaving = world.session(person)
    assert_works(leaving)
    assert leaving.disconnect().json() == {"status": "disconnected", "connection_id": leaving.connection_id}
    assert_not_accepted(world, leaving.secret)
    assert leaving.disconnect().status_code == 401


def test_session_closed_during_its_requests_stays_closed(world: World, person: Person) -> None:
    with ThreadPoolExecutor(6) as threads:
        for _ in range(15):
            leaving = world.session(person)
            asked = [threads.submit(leaving.call, LEGACY, "tools__echo") for _ in range(4)]
            beat, closed = threads.submit(leaving.heartbeat), threads.submit(leaving.disconnect)
            assert closed.result(timeout=PATIENCE).status_code == 200
            assert {future.result(timeout=PATIENCE).status for future in asked} <= {200, 401}
            assert beat.result(timeout=PATIENCE).status_code in (200, 401)
            assert leaving.call(LEGACY, "tools__echo").status == 401
            assert leaving.heartbeat().status_code == 401


def test_connection_of_another_session_cannot_be_closed(world: World, person: Person, caller: Caller) -> None:
    other = world.session(person)
    stranger = Caller(world.http, other.secret, connection_id=caller.connection_id)
    assert stranger.disconnect().status_code == 404
    assert_works(caller)
    assert_works(other)


def test_two_processes_with_one_key_have_separate_sessions(world: World, person: Person) -> None:
    first, second = world.session(person), world.session(person)
    assert first.secret != second.secret
    assert first.session_id != second.session_id
    assert_works(first)
    assert_works(second)
    assert first.heartbeat().status_code == 200
    assert second.disconnect().status_code == 200
    assert_works(first)
    assert_not_accepted(world, second.secret)
    third = world.session(person)
    assert_works(first)
    assert_works(third)


def test_unexpired_sessions_survive_a_restart(world: World, person: Person) -> None:
    lasting, expired, closed = (world.session(person) for _ in range(3))
    assert closed.disconnect().status_code == 200
    with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db")) as database, database:
        past = "2020-01-01 00:00:00.000000"
        kind = database.execute("SELECT typeof(expires_at) FROM sessions LIMIT 1").fetchone()[0]
        value = past if kind == "text" else 0
        changed = database.execute(
            "UPDATE sessions SET expires_at = ? WHERE session_id = ?", (value, expired.session_id)
        )
        assert changed.rowcount == 1
    world.restart()
    assert_works(Caller(world.http, lasting.secret))
    assert_not_accepted(world, expired.secret)
    assert_not_accepted(world, closed.secret)


def test_preshared_key_is_accepted_on_mcp(world: World, person: Person) -> None:
    host = Caller(world.http, person.key)
    for era in MCP_FACES:
        assert host.call(era, "tools__echo", {"text": "direct"}).text == "direct"
        assert "tools__echo" in host.names(era)
    assert host.heartbeat().status_code == 401, "there is no session behind a key"


def test_admin_key_is_refused_on_the_client_port(world: World) -> None:
    assert_not_accepted(world, world.rig.facts["admin_key"])
    wire = LEGACY.call("x", "tools__echo", {"text": "forged"})
    headers = {**wire.headers, "X-Admin-Key": world.rig.facts["admin_key"], "Authorization": ""}
    assert world.http.post("/mcp", headers=headers, content=wire.body).status_code == 401


@pytest.mark.parametrize("header", ["X-Admin-Key", "Authorization", "X-Session-Token"])
def test_client_secrets_are_refused_on_the_admin_port(
    world: World, person: Person, caller: Caller, header: str
) -> None:
    for secret in (person.key, caller.secret, "", "amb_ak_" + "A" * 48):
        value = f"Bearer {secret}".strip() if header == "Authorization" else secret
        answer = httpx.get(f"{world.rig.admin_url}/v1/admin/users", headers={header: value}, trust_env=False)
        assert answer.status_code == 401
        assert_nothing_internal(answer.text)


@pytest.mark.parametrize("endpoint", ADMIN_ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_admin_routes_do_not_exist_on_the_client_port(world: World, endpoint: Endpoint) -> None:
    headers = {"X-Admin-Key": world.rig.facts["admin_key"]}
    path = re.sub(r"{\w+}", "x", endpoint.path)
    assert world.http.request(endpoint.method, path, headers=headers, json={}).status_code == 404
    on_admin_port = httpx.request(endpoint.method, f"{world.rig.admin_url}{path}", json={}, trust_env=False)
    assert on_admin_port.status_code in ({200, 400} if endpoint.right is None else {401})


@pytest.mark.parametrize("route", CLIENT_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_client_routes_do_not_exist_on_the_admin_port(
    world: World, caller: Caller, route: web.RouteDef
) -> None:
    headers = {"X-Session-Token": caller.secret}
    path = route.path.format(connection_id="x")
    assert world.admin.request(route.method, path, headers=headers, json={}).status_code == 404


def test_probes_disclose_nothing_internal(world: World) -> None:
    for route in PROBES:
        for client in (world.http, world.admin):
            answer = client.get(route.path, headers={"X-Admin-Key": ""})
            assert answer.status_code in (200, 404)
            assert "tools" not in answer.text
            assert_nothing_internal(answer.text)


def test_wrong_key_and_malformed_key_get_the_same_answer(world: World, person: Person) -> None:
    wrong = person.key[:-1] + ("A" if person.key[-1] != "A" else "B")
    bodies = []
    for key in (wrong, "amb_pk_" + "A" * 48, "amb_pk_short", "nonsense", person.key.lower()):
        refused = world.register(key)
        assert refused.status_code == 401
        bodies.append({name: value for name, value in refused.json().items() if name != "request_id"})
    assert all(body == bodies[0] for body in bodies)


def test_stored_files_contain_no_secret(world: World, person: Person) -> None:
    caller = world.session(person)
    for face in FACES:
        assert caller.call(face, "tools__echo", {"text": "x"}).succeeded
    Caller(world.http, person.key).call(MODERN, "tools__echo")
    Caller(world.http, _encoded(bytes(TOKEN_BYTES))).call(MODERN, "tools__echo", {"text": "forged"})
    assert world.events()
    kept = {path: path.read_bytes() for path in _kept_files(world)}
    assert {"ambassador.db", "ambassador.db-wal", "server.log"} <= {path.name for path in kept}
    assert any(path.suffix == ".jsonl" for path in kept)
    secrets = {
        "token": _decoded(caller.secret),
        "signature": _decoded(caller.secret)[-32:],
        "key": base64.urlsafe_b64decode(person.key.removeprefix("amb_pk_")),
        "admin key": base64.urlsafe_b64decode(world.rig.facts["admin_key"].removeprefix("amb_ak_")),
    }
    for name, secret in secrets.items():
        for form in _forms(bytes(secret)):
            holders = [
                path.name for path, content in kept.items() if form in content or form in content.lower()
            ]
            assert not holders, (name, form[:12])


def _kept_files(world: World) -> list[Path]:
    data = world.rig.data_dir
    kept = [
        path
        for path in data.rglob("*")
        if path.is_file() and path.parent.name not in ("keys", "certificates")
    ]
    return [*kept, world.rig.log_file]


def _forms(secret: bytes) -> set[bytes]:
    """Return every encoding of the bytes, also as a part of longer data."""
    forms = {secret, secret.hex().encode()}
    for offset in range(3):
        # Bytes that do not start at a base64 boundary have another encoding.
        text = base64.b64encode(b"\0" * offset + secret)[4 if offset else 0 : -4]
        forms |= {text, text.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms | {json.dumps(secret.decode("latin-1")).encode()}
