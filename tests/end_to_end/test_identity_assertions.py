"""A client exchanges an identity assertion (ID-JAG) once for a token, which ends with its user, client and issuer."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWS

from tests.end_to_end import test_pins_on_two_servers
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.identity_provider import CLIENT, GRANT, assertion, identity_provider
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, running, until
from tests.fakes.issuer import EC, ED, OTHER_RSA, RSA, SigningKey, sign
from tests.patience import PATIENCE
from tests.rig import Rig

servers = test_pins_on_two_servers.servers

SECRET = "secret of the client, long enough"
METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with identity_provider() as url:
        yield url


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        give_public_url(started, started.rig.client_url)
        yield started


def trust(world: World, provider: str, secret: Path, **more: Any) -> None:
    secret.write_text(SECRET)
    body = {
        "url": provider,
        "audiences": ["https://unrelated.example.com"],
        "group_prefix": "login.",
        "private_addresses": True,
        "assertion_clients": {CLIENT: f"file://{secret}"},
        **more,
    }
    world.ask("PUT", "issuers/login", body)


@pytest.fixture
def user(world: World, provider: str, tmp_path: Path) -> Iterator[str]:
    """Return the name of a user whose group `eng` may use the tools."""
    name, group = world.fresh("user"), world.group("tools")
    world.ask("POST", "users", {"name": name, "source": "external"})
    trust(world, provider, tmp_path / "client-secret", group_map={"eng": group})
    yield name
    if any(each["name"] == "login" for each in world.ask("GET", "issuers")["items"]):
        world.ask("DELETE", "issuers/login")


def exchange(world: World, given: str, *, secret: str = SECRET, **more: str) -> httpx.Response:
    form = {"grant_type": GRANT, "assertion": given, "client_id": CLIENT, "client_secret": secret, **more}
    return world.http.post("/oauth/token", data=form)


def granted(world: World, provider: str, user: str) -> str:
    answer = exchange(world, assertion(provider, world.rig.client_url, user))
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert isinstance(token, str)
    return token


def status(world: World, secret: str) -> int:
    return Caller(world.http, secret).send(LEGACY.listing(secret)).status_code


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_token_for_an_assertion_calls_on_every_face(
    world: World, provider: str, user: str, face: Face
) -> None:
    answer = exchange(world, assertion(provider, world.rig.client_url, user))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert found.keys() == {"access_token", "token_type", "expires_in"}
    assert (found["token_type"], found["expires_in"]) == ("Bearer", 900)
    caller = Caller(world.http, found["access_token"])
    assert "tools__echo" in caller.names(face)
    assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    (accepted,) = world.events(action="session:assertion:accept", user=user)
    assert accepted["details"]["client"] == CLIENT


def test_wrong_assertions_are_refused_and_recorded(world: World, provider: str, user: str) -> None:
    server, now = world.rig.client_url, int(time.time())
    local = world.fresh("kept-local")
    world.ask("POST", "users", {"name": local})
    good = {"iss": provider, "aud": server}
    unsigned = jwt.encode(good, None, algorithm="none", headers={"typ": "oauth-id-jag+jwt"})
    wrong = {
        "wrong_type": assertion(provider, server, user, typ="at+jwt"),
        "foreign_audience": assertion(provider, server, user, aud=f"{server}/mcp"),
        "several_audiences": assertion(provider, server, user, aud=[server, "https://other.example.com"]),
        "foreign_resource": assertion(provider, server, user, resource="https://other.example.com/mcp"),
        "foreign_client": assertion(provider, server, user, client_id="another"),
        "bound_to_key": assertion(provider, server, user, cnf={"jkt": "x"}),
        "needs_details": assertion(provider, server, user, authorization_details=[{"type": "x"}]),
        "expired": assertion(provider, server, user, iat=now - 200, exp=now - 61),
        "no_expiry": assertion(provider, server, user, exp=None),
        "no_issue_time": assertion(provider, server, user, iat=None),
        "lives_too_long": assertion(provider, server, user, exp=now + 3700),
        "no_assertion_id": assertion(provider, server, user, jti=None),
        "algorithm_not_allowed": unsigned,
        "unknown_issuer": assertion("https://other.example.com", server, user),
        "unknown_user": assertion(provider, server, "nobody-here"),
        "user_is_local": assertion(provider, server, local),
        "malformed": "x",
    }
    for reason, bad in wrong.items():
        answer = exchange(world, bad)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), reason
        assert bad not in answer.text
        assert_nothing_internal(answer.text)
    claims = jwt.decode(assertion(provider, server, user), options={"verify_signature": False})
    forged = sign(claims, OTHER_RSA, headers={"typ": "oauth-id-jag+jwt", "kid": RSA.key_id})
    assert exchange(world, forged).json()["error"] == "invalid_grant"
    found = {event["reason"] for event in world.events(action="session:assertion:refuse")}
    assert found >= {*wrong, "wrong_signature"}
    log = "".join(each.read_text() for each in (world.rig.data_dir / "audit").rglob("*.jsonl"))
    for each in (*wrong.values(), forged, SECRET):
        assert each == "x" or (each not in log and each not in world.log_text())


def test_clients_have_to_authenticate_themselves_in_one_way(world: World, provider: str, user: str) -> None:
    given = assertion(provider, world.rig.client_url, user)
    for wrong in ("x", f"{SECRET}x", "ä"):
        answer = exchange(world, given, secret=wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert exchange(world, given, client_id="another").json()["error"] == "invalid_client"
    form = {"grant_type": GRANT, "assertion": given}
    assert world.http.post("/oauth/token", data=form).json()["error"] == "invalid_client"
    both = {**form, "client_secret": SECRET}
    basic = httpx.BasicAuth(httpx.QueryParams({"": CLIENT}).__str__()[1:], SECRET.replace(" ", "+"))
    for parameters, error in (
        (both, "invalid_request"),
        ({**form, "client_id": "another"}, "invalid_request"),
        ({**form, "resource": "https://other.example.com"}, "invalid_target"),
        ({**form, "scope": "all"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"assertion": given}, "invalid_request"),
        ({"grant_type": GRANT}, "invalid_request"),
    ):
        answer = world.http.post("/oauth/token", data=parameters, auth=basic)
        assert (answer.status_code, answer.json()["error"]) == (400, error), parameters
    for body in (b"grant_type=a&grant_type=b", b"a=1&" * 30, b"\xff", b"{}", b"a=%ff"):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = world.http.post("/oauth/token", content=body, headers=headers)
        assert answer.json()["error"] == "invalid_request", body
    assert world.http.post("/oauth/token", json=form).json()["error"] == "invalid_request"
    # All of these have left the assertion unused.
    assert world.http.post("/oauth/token", data=form, auth=basic).status_code == 200
    assert exchange(world, given).json()["error"] == "invalid_grant"


SIGNED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def signed(world: World, key: SigningKey = EC, **changes: Any) -> dict[str, str]:
    """Return how a client authenticates itself with a key; None takes a claim away."""
    now = int(time.time())
    claims = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": world.rig.client_url,
        "jti": uuid.uuid4().hex,
        "exp": now + 60,
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return {"client_id": CLIENT, "client_assertion_type": SIGNED, "client_assertion": sign(kept, key)}


def test_a_client_with_a_key_signs_for_each_token(
    world: World, provider: str, user: str, tmp_path: Path
) -> None:
    pem = EC.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    (tmp_path / "client-key").write_text(pem)
    trust(
        world,
        provider,
        tmp_path / "client-secret",
        group_map={"eng": world.group("tools")},
        assertion_clients={CLIENT: f"file://{tmp_path / 'client-key'}"},
    )
    now = int(time.time())
    given = assertion(provider, world.rig.client_url, user)
    form = {"grant_type": GRANT, "assertion": given}
    wrong: dict[str, dict[str, str]] = {
        "no proof": {"client_id": CLIENT},
        "the key as a secret": {"client_id": CLIENT, "client_secret": pem},
        "another key": signed(world, ED),
        "HS256 with the key": {
            **signed(world),
            "client_assertion": PyJWS().encode(b"{}", "x" * 40, "HS256"),
        },
        "unsigned": {**signed(world), "client_assertion": jwt.encode({"iss": CLIENT}, None, "none")},
        "another issuer": signed(world, iss="another"),
        "another subject": signed(world, sub="another"),
        "another audience": signed(world, aud="https://other.example.com"),
        "two audiences": signed(world, aud=[world.rig.client_url, "https://other.example.com"]),
        "no audience": signed(world, aud=None),
        "no id": signed(world, jti=None),
        "no end": signed(world, exp=None),
        "over": signed(world, exp=now - 61),
        "too long": signed(world, exp=now + 3600),
        "another client": {**signed(world), "client_id": "another"},
        "an assertion of a user": {**signed(world), "client_assertion": given},
        "text": {**signed(world), "client_assertion": "x"},
    }
    for what, proof in wrong.items():
        answer = world.http.post("/oauth/token", data={**form, **proof})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), what
    for twice in (
        {**signed(world), "client_secret": SECRET},
        {**signed(world), "client_assertion_type": "x"},
    ):
        assert world.http.post("/oauth/token", data={**form, **twice}).json()["error"] == "invalid_request"
    proof = signed(world, aud=f"{world.rig.client_url}/oauth/token")
    answer = world.http.post("/oauth/token", data={**form, **proof})
    assert answer.status_code == 200, answer.text
    assert status(world, answer.json()["access_token"]) == 200
    again = {"grant_type": GRANT, "assertion": assertion(provider, world.rig.client_url, user)}
    assert world.http.post("/oauth/token", data={**again, **proof}).json()["error"] == "invalid_client"
    assert world.http.post("/oauth/token", data={**again, **signed(world)}).status_code == 200
    assert "private_key_jwt" in world.http.get(METADATA).json()["token_endpoint_auth_methods_supported"]
    log = "".join(each.read_text() for each in (world.rig.data_dir / "audit").rglob("*.jsonl"))
    assert proof["client_assertion"] not in log + world.log_text()


@pytest.mark.parametrize("how", ["suspend", "switch", "client", "remove"])
def test_what_ends_a_token_refuses_its_next_call(
    world: World, provider: str, user: str, tmp_path: Path, how: str
) -> None:
    token = granted(world, provider, user)
    assert status(world, token) == 200
    caller = Caller(world.http, token)
    match how:
        case "suspend":
            world.ask("PATCH", f"users/{user}", {"status": "suspended"})
        case "switch":
            world.ask("POST", "kill-switches", {"scope": "user", "target": user, "reason": "x"})
            assert caller.call(LEGACY, "tools__echo", {"text": "must not run"}).failed
        case "client":
            trust(world, provider, tmp_path / "client-secret", assertion_clients={})
        case _:
            world.ask("DELETE", "issuers/login")
    if how != "switch":
        assert status(world, token) == 401
    answer = exchange(world, assertion(provider, world.rig.client_url, user))
    assert answer.status_code == (404 if how in {"client", "remove"} else 400)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("how", ["client", "remove"])
def test_calls_in_flight_stop_when_the_client_of_their_token_is_trusted_no_more(
    world: World, provider: str, user: str, tmp_path: Path, face: Face, how: str
) -> None:
    secret, another = tmp_path / "client-secret", "https://other.example.com/client"
    group_map, reference = {"eng": world.group("tools")}, f"file://{secret}"
    both = {CLIENT: reference, another: reference}
    trust(world, provider, secret, group_map=group_map, assertion_clients=both)
    caller = Caller(world.http, granted(world, provider, user))
    given = assertion(provider, world.rig.client_url, user, client_id=another)
    kept = exchange(world, given, client_id=another).json()["access_token"]
    with slow_call(world, caller, face) as running:
        if how == "client":
            trust(world, provider, secret, group_map=group_map, assertion_clients={another: reference})
        else:
            world.ask("DELETE", "issuers/login")
        answer = running.result(timeout=PATIENCE)
    assert answer.failed
    assert "unknown_issuer" in answer.text
    assert status(world, kept) == (200 if how == "client" else 401), "another client is not concerned"


def test_assertions_and_changed_tokens_are_no_tokens(world: World, provider: str, user: str) -> None:
    given = assertion(provider, world.rig.client_url, user)
    token = granted(world, provider, user)
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for secret in (given, changed, "amb_at_", token + "A", token.replace("amb_at_", "amb_st_")):
        assert status(world, secret) == 401
    assert exchange(world, token).json()["error"] == "invalid_grant"


def test_the_server_describes_itself_only_while_a_client_may_ask(
    world: World, provider: str, user: str, tmp_path: Path
) -> None:
    server = world.rig.client_url
    found = world.http.get(METADATA).json()
    assert (found["issuer"], found["token_endpoint"]) == (server, f"{server}/oauth/token")
    assert found["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]
    resource = "/.well-known/oauth-protected-resource"
    assert world.http.get(resource).json()["authorization_servers"] == [provider, server]
    trust(world, provider, tmp_path / "client-secret", assertion_clients={})
    assert world.http.get(METADATA).status_code == 404
    assert world.http.post("/oauth/token", data={}).status_code == 404
    assert world.http.get(resource).json()["authorization_servers"] == [provider]


def test_of_two_servers_one_takes_an_assertion_and_both_its_token(
    servers: tuple[World, World], provider: str, tmp_path: Path
) -> None:
    url = "https://mcp.example.com"
    for world in servers:
        file = world.rig.directory / "server.yaml"
        assert world.rig.stop() == 0
        file.write_text(json.dumps({**json.loads(file.read_text()), "public_url": url}))
        world.start()
    here, there = servers
    here.ask("POST", "users", {"name": "alice", "source": "external"})
    trust(here, provider, tmp_path / "client-secret")
    until(lambda: there.http.get(METADATA).status_code == 200, "the other server trusts the issuer")
    given = assertion(provider, url, "alice")
    token = exchange(here, given).json()["access_token"]
    again = exchange(there, given)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert [status(world, token) for world in servers] == [200, 200]
    here.ask("PATCH", "users/alice", {"status": "suspended"})
    until(lambda: status(there, token) == 401, "the user is refused on the other server")
