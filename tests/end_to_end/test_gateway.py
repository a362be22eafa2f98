"""Users whom an API gateway names: believed on its listener and with its signature, and nowhere else."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.authorities import Authority, Identity, dns, pem, uri
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.gateways import (
    GATEWAY_NAME,
    SECRET,
    GatewayCaller,
    connection,
    identity,
    rules,
)
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import World, assert_nothing_internal, end
from tests.rig import Rig

JWT_SECRET = "the secret that Open WebUI signs with"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Gateways")


@pytest.fixture(scope="module")
def revoked(authority: Authority) -> Identity:
    return authority.issue(dns(GATEWAY_NAME))


@pytest.fixture(scope="module")
def rig(directory: Path, authority: Authority, revoked: Identity) -> Iterator[Rig]:
    (directory / "secret").write_text(SECRET)
    (directory / "webui").write_text(JWT_SECRET)
    (directory / "authority.pem").write_text(authority.pem)
    (directory / "revoked.pem").write_bytes(pem(authority.revocations(revoked)))
    gateway = {
        "name": "edge",
        "host": "127.0.0.1",
        "port": 0,
        "client_ca_file": str(directory / "authority.pem"),
        "crl_file": str(directory / "revoked.pem"),
        "allowed_names": [f"dns:{GATEWAY_NAME}", "uri:spiffe://acme.example/edge"],
        "secrets": [f"file://{directory / 'secret'}"],
    }
    configured = directory / "server.yaml"
    limits = {"failed_logins": "100000/minute"}
    configured.write_text(json.dumps({"gateway": gateway, "limits": limits, "legacy_sse": True}))
    rig = Rig(directory, is_preloaded=True, server_flags=("--config", str(configured)))
    rig.init()
    try:
        rig.start()
        yield rig
    finally:
        end(rig)


@pytest.fixture(scope="module")
def gateway_url(rig: Rig) -> str:
    return f"https://127.0.0.1:{rig.ports['gateway_port']}"


@pytest.fixture(scope="module")
def edge(rig: Rig, gateway_url: str, authority: Authority) -> Iterator[httpx.Client]:
    """Return the connection of the gateway to its listener."""
    certificate = authority.issue(dns(GATEWAY_NAME)).files(rig.directory, "edge")
    with connection(gateway_url, rig.facts["ca_file"], certificate) as client:
        yield client


@pytest.fixture(scope="module")
def world(rig: Rig, tools: Any) -> Iterator[World]:
    world = World(rig)
    ca_file = rig.facts["ca_file"]
    with connection(rig.client_url, ca_file) as world.http, connection(rig.admin_url, ca_file) as world.admin:
        world.admin.headers["X-Admin-Key"] = rig.facts["admin_key"]
        world.ask("POST", "groups", {"name": "developers"})
        world.publish("tools", "streamable_http", {"url": tools.url})
        yield world


@pytest.fixture(scope="module")
def group(world: World) -> str:
    """Trust the gateway, and return the group of this server that its group `eng` means."""
    group = world.group("tools")
    assert world.ask("PUT", "issuers/edge", rules(eng=group, MCP_Admin=group))["warnings"] == []
    webui = {
        "url": "open-webui",
        "algorithms": ["HS256"],
        "key_source": "secret",
        "key_place": f"file://{world.rig.directory / 'webui'}",
        "user_claims": ["email"],
        "group_prefix": "webui.",
        "group_map": {"eng": group},
        "creates_users": True,
    }
    world.ask("PUT", "issuers/webui", webui)
    return group


def refusals(world: World) -> list[str]:
    return [event["reason"] for event in world.events(action="session:gateway:refuse")]


@pytest.fixture(params=["certificate", "signature"])
def caller(request: pytest.FixtureRequest, world: World, group: str, edge: httpx.Client) -> GatewayCaller:
    """Return a user in the group `eng` behind the gateway."""
    headers = identity(f"{world.fresh('user')}@acme.example", "eng", "ops")
    if request.param == "certificate":
        return GatewayCaller(edge, headers)
    return GatewayCaller(world.http, headers, signs=True)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_headers_of_the_gateway_name_the_user_and_its_groups(
    world: World, caller: GatewayCaller, face: Face
) -> None:
    assert "tools__echo" in caller.names(face)
    assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    user = caller.headers["X-User-Email"]
    assert world.ask("GET", f"users/{user}")["source"] == "external"
    (accepted,) = world.events(action="session:token:accept", user=user)
    assert accepted["resource"]["name"] == "edge"
    outside = GatewayCaller(caller.http, identity(user, "ops"), caller.signs)
    assert outside.names(face) == []
    assert outside.call(face, "tools__echo", {"text": "must not run"}).failed


def test_the_header_of_administrators_is_a_group_like_any_other(
    world: World, group: str, edge: httpx.Client
) -> None:
    user = f"{world.fresh('user')}@acme.example"
    for value, permitted in (("true", True), ("True", True), ("false", False), ("1", False), ("", False)):
        named = GatewayCaller(edge, identity(user, X_User_Admin=value))
        assert bool(named.names(MODERN)) is permitted, value
    assert GatewayCaller(edge, identity(user, "MCP-Admin")).names(MODERN)
    # It is a group with grants, and no role: the admin API knows no such headers.
    headers = {**identity(user, "MCP-Admin", X_User_Admin="true"), "X-Admin-Key": ""}
    assert world.admin.get("/v1/admin/users", headers=headers).status_code == 401


def test_a_gateway_takes_over_no_local_user(world: World, group: str, edge: httpx.Client) -> None:
    user = world.fresh("local")
    world.ask("POST", "users", {"name": user})
    response = GatewayCaller(edge, identity(user, "eng")).send(MODERN.listing(""))
    assert response.status_code == 401
    assert "user_is_local" in response.text


def test_the_listener_takes_no_other_credential(world: World, group: str, edge: httpx.Client) -> None:
    person = world.person(group)
    user = f"{world.fresh('user')}@acme.example"
    for headers in (
        {"Authorization": f"Bearer {person.key}"},
        {"X-Session-Token": world.session(person).secret},
    ):
        assert GatewayCaller(edge, {}, more=headers).send(MODERN.listing("")).status_code == 401
        # A gateway such as Open WebUI sends one key of its own with every user.
        beside = GatewayCaller(edge, identity(user), more=headers)
        assert beside.names(MODERN) == []
    assert edge.post("/v1/sessions", json={}).status_code == 404
    assert edge.get("/.well-known/oauth-protected-resource").status_code == 404
    assert edge.get("/ready").status_code == 200
    assert "no_identity" in refusals(world)


@pytest.mark.parametrize("name", [None, "other", "spiffe", "revoked", "stranger"])
def test_the_certificate_has_to_be_that_of_the_gateway(
    world: World,
    group: str,
    gateway_url: str,
    authority: Authority,
    revoked: Identity,
    tmp_path: Path,
    name: str | None,
) -> None:
    made = {
        "other": lambda: authority.issue(dns(f"not.{GATEWAY_NAME}")),
        "spiffe": lambda: authority.issue(dns("x"), uri("spiffe://acme.example/edge")),
        "revoked": lambda: revoked,
        "stranger": lambda: Authority("Strangers").issue(dns(GATEWAY_NAME)),
    }
    certificate = None if name is None else made[name]().files(tmp_path, name)
    headers = identity(f"{world.fresh('user')}@acme.example", "eng")
    with connection(gateway_url, world.rig.facts["ca_file"], certificate) as client:
        named = GatewayCaller(client, headers)
        if name == "spiffe":
            assert named.names(MODERN)
        elif name == "other":
            response = named.send(MODERN.listing(""))
            assert response.status_code == 401
            assert_nothing_internal(response.text)
            assert "certificate_not_allowed" in refusals(world)
        else:
            # TLS ends the connection, or the server says why in HTTP; either way nothing is served.
            with suppress(httpx.TransportError):
                assert named.send(MODERN.listing("")).status_code == 401


def signed_user(user: str, *groups: str, secret: str = JWT_SECRET, **changes: Any) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": "open-webui", "sub": f"id of {user}", "email": user, "groups": list(groups)}
    token = jwt.encode({**claims, "iat": now, "exp": now + 300, **changes}, secret)
    return {"X-OpenWebUI-User-Jwt": token}


def test_a_signed_user_counts_and_a_wrong_one_is_never_replaced_by_plain_headers(
    world: World, group: str, edge: httpx.Client
) -> None:
    user, other = (f"{world.fresh('user')}@acme.example" for _ in range(2))
    good = GatewayCaller(edge, {**signed_user(user, "eng"), **identity(other)})
    assert "tools__echo" in good.names(MODERN)
    assert world.ask("GET", f"users/{user}")["name"] == user
    wrong = [
        signed_user(user, "eng", secret=f"{JWT_SECRET}x"),
        signed_user(user, "eng", exp=int(time.time()) - 61),
        {"X-OpenWebUI-User-Jwt": ""},
        {"X-OpenWebUI-User-Jwt": "ey"},
        {"X_OpenWebUI_User_Jwt": signed_user(user, "eng")["X-OpenWebUI-User-Jwt"]},
    ]
    for headers in wrong:
        response = GatewayCaller(edge, {**identity(other, "eng"), **headers}).send(MODERN.listing(""))
        assert response.status_code == 401, headers
    # Without a gateway, the same token is one of many headers that mean nothing.
    assert world.http.get("/v1/tools", headers=signed_user(user, "eng")).status_code == 401


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
@pytest.mark.parametrize("how", ["suspend", "remove"])
def test_calls_in_flight_stop_with_their_user_and_their_gateway(
    world: World, group: str, caller: GatewayCaller, face: Face, how: str
) -> None:
    assert caller.names(face)
    with slow_call(world, caller, face) as running:  # type: ignore[arg-type]
        if how == "suspend":
            world.ask("PATCH", f"users/{caller.headers['X-User-Email']}", {"status": "suspended"})
        else:
            world.ask("DELETE", "issuers/edge")
        assert running.result().failed
    assert caller.send(face.listing("")).status_code == 401
    if how == "remove":
        world.ask("PUT", "issuers/edge", rules(eng=group, MCP_Admin=group))


def test_conversations_belong_to_their_user(world: World, group: str, edge: httpx.Client) -> None:
    alice, bob = (
        GatewayCaller(edge, identity(f"{world.fresh('user')}@acme.example", "eng")) for _ in range(2)
    )
    hello = LEGACY.request(
        "",
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    )
    begun = alice.send(hello)
    session = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
    assert edge.delete("/mcp", headers={**bob.headers, **session}).status_code == 404
    assert edge.delete("/mcp", headers={**alice.headers, **session}).status_code in (200, 204)


def test_check_names_the_ways_in_and_the_issuer(world: World, group: str) -> None:
    words = (
        "check",
        "--data-dir",
        str(world.rig.data_dir),
        "--config",
        str(world.rig.directory / "server.yaml"),
    )
    found = json.loads(world.rig.run("ambassador-server", *words, "--json").stdout)["gateway"]
    assert found["ok"]
    assert f"a listener for dns:{GATEWAY_NAME}" in found["detail"]
    assert "issuer edge" in found["detail"]
    assert SECRET not in json.dumps(found)


def test_headers_are_explained_before_a_gateway_sends_them(world: World, group: str) -> None:
    user = f"{world.fresh('user')}@acme.example"
    words = ("issuer", "test", "edge", "--header", f"X-User-Email: {user}")
    told = world.rig.admin_json(*words, "--header", "X-User-Groups: eng, ops")
    assert (told["accepted"], told["user"], told["creates_user"]) == (True, user, True)
    assert told["groups"] == [{"claimed": "eng", "group": group}, {"claimed": "ops", "group": None}]
    assert [each["check"] for each in told["checks"]] == ["user", "account"]
    assert user not in [each["name"] for each in world.ask("GET", "users")["items"]]
    twice = world.rig.admin_json(*words, "--header", "X_User_Email: admin@acme.example")
    assert "ambiguous_header" in json.dumps(twice)
    assert world.rig.admin("issuer", "test", "webui", "--header", "X-User-Email: a", expect=2).stderr
    for wrong in (("--header", "x"), ("--header", "X-User-Email: b"), ("--token", "env://X")):
        assert "error:" in world.rig.admin(*words, *wrong, expect=2).stderr


def test_an_issuer_of_another_gateway_warns(world: World, group: str) -> None:
    words = ("issuer", "add", "other", "--preset", "apim", "--gateway", "other")
    added = world.rig.admin(*words, "-o", "json")
    assert "no gateway of that name" in added.stderr
    shown = json.loads(added.stdout)
    assert (shown["url"], shown["algorithms"], shown["user_claims"]) == (
        "gateway:other",
        [],
        ["x-user-email"],
    )
    for wrong in (("--keys-url", "https://a.example"), ("--url", "gateway:x")):
        assert "--gateway excludes" in world.rig.admin(*words, *wrong, expect=2).stderr
    for wrong in (("--audience", "x"), ("--user-claim", "authorization"), ("--algorithm", "HS256")):
        world.rig.admin(
            "issuer", "add", "third", "--preset", "traefik", "--gateway", "third", *wrong, expect=2
        )
    world.ask("DELETE", "issuers/other")
