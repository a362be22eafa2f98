"""Certificates that a gateway forwards (RFC 9440) name users as those of connections do, and only from the gateway."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from tests.authorities import HOUR, Authority, Identity, dns, email, pem
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.gateways import (
    GATEWAY_NAME,
    SECRET,
    GatewayCaller,
    as_sent_by_users,
    connection,
    identity,
    rules,
    signature,
)
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import World, assert_nothing_internal, end, until
from tests.rig import Rig

EDGES, PEOPLE, OTHERS = Authority("Gateways"), Authority("People"), Authority("Others")
BELOW = Authority("Below", PEOPLE)
PEOPLE_RULES = {
    "url": f"sha256:{PEOPLE.fingerprint}",
    "key_source": "certificates",
    "user_claims": ["email:{user}@acme.example"],
    "group_claims": [],
    "group_prefix": "people.",
}


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    (directory / "secret").write_text(SECRET)
    (directory / "edges.pem").write_text(EDGES.pem)
    (directory / "people.pem").write_text(PEOPLE.pem)
    (directory / "people.crl").write_bytes(pem(PEOPLE.revocations()) + pem(BELOW.revocations()))
    gateway = {
        "name": "edge",
        "host": "127.0.0.1",
        "port": 0,
        "client_ca_file": str(directory / "edges.pem"),
        "allowed_names": [f"dns:{GATEWAY_NAME}"],
        "secrets": [f"file://{directory / 'secret'}"],
        "forwarded_ca_file": str(directory / "people.pem"),
        "forwarded_crl_file": str(directory / "people.crl"),
    }
    (directory / "people.pem").write_text(PEOPLE.pem + BELOW.pem)
    configured = directory / "server.yaml"
    configured.write_text(json.dumps({"gateway": gateway, "limits": {"failed_logins": "100000/minute"}}))
    rig = Rig(directory, is_preloaded=True, server_flags=("--config", str(configured)))
    rig.init()
    try:
        rig.start()
        yield rig
    finally:
        end(rig)


@pytest.fixture(scope="module")
def edge(rig: Rig) -> Iterator[httpx.Client]:
    certificate = EDGES.issue(dns(GATEWAY_NAME)).files(rig.directory, "edge")
    url = f"https://127.0.0.1:{rig.ports['gateway_port']}"
    with connection(url, rig.facts["ca_file"], certificate) as client:
        yield client


@pytest.fixture(scope="module")
def world(rig: Rig, tools: Any) -> Iterator[World]:
    world, ca_file = World(rig), rig.facts["ca_file"]
    with connection(rig.client_url, ca_file) as world.http, connection(rig.admin_url, ca_file) as world.admin:
        world.admin.headers["X-Admin-Key"] = rig.facts["admin_key"]
        world.ask("POST", "groups", {"name": "developers"})
        world.publish("tools", "streamable_http", {"url": tools.url})
        world.ask("PUT", "issuers/edge", rules())
        world.ask("PUT", "issuers/people", PEOPLE_RULES)
        yield world


@pytest.fixture
def user(world: World) -> str:
    name = world.fresh("user")
    world.ask("POST", "users", {"name": name, "source": "external"})
    world.ask("PUT", f"groups/{world.group('tools')}/members/{name}")
    return name


def item(certificate: bytes) -> str:
    return f":{b64encode(certificate).decode()}:"


def forwarded(who: Identity) -> dict[str, str]:
    first, *above = who.chain
    chain = {"Client-Cert-Chain": ", ".join(map(item, above))} if above else {}
    return {"Client-Cert": item(first), **chain}


def named(user: str, by: Authority = PEOPLE, **changes: Any) -> Identity:
    return by.issue(email(f"{user}@acme.example"), **changes)


@pytest.fixture(params=["certificate", "signature"])
def way(request: pytest.FixtureRequest, world: World, edge: httpx.Client) -> tuple[httpx.Client, bool]:
    return (edge, False) if request.param == "certificate" else (world.http, True)


def reasons(world: World) -> set[str]:
    return {
        event["reason"]
        for action in ("session:gateway:refuse", "session:token:refuse")
        for event in world.events(action=action)
    }


def assert_refused(world: World, response: httpx.Response, reason: str) -> None:
    assert (response.status_code, reason in response.text) == (401, True), (reason, response.text)
    assert_nothing_internal(response.text)
    until(lambda: reason in reasons(world), "the refusal is indexed")


@pytest.mark.parametrize("face", FACES, ids=str)
def test_forwarded_certificates_name_users_on_every_face(
    world: World, user: str, way: tuple[httpx.Client, bool], face: Face
) -> None:
    http, signs = way
    caller = GatewayCaller(http, forwarded(named(user)), signs)
    assert "tools__echo" in caller.names(face)
    assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    below = GatewayCaller(http, forwarded(named(user, BELOW)), signs)
    assert below.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    (attempt, _) = world.events(action="call:tool:attempt", user=user)
    assert attempt["actor"]["key_name"] == "people"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_what_a_connection_would_be_refused_for_is_refused_here(
    world: World, user: str, way: tuple[httpx.Client, bool], face: Face
) -> None:
    http, signs = way
    foreign = named(user, Authority("Below", OTHERS))
    bad = {
        "unknown_authority": forwarded(named(user, OTHERS)),
        "expired": forwarded(named(user, ends=-HOUR / 2)),
        "not_yet_valid": forwarded(named(user, begins=HOUR / 2)),
        "not_for_clients": forwarded(named(user, usage=None)),
        "no_names": forwarded(PEOPLE.issue()),
        "unreadable": {"Client-Cert": item(b"no certificate")},
        "unknown_user": forwarded(named("nobody-here")),
        "no_user_name": forwarded(PEOPLE.issue(email(f"{user}@evil.example"))),
    }
    for reason, headers in bad.items():
        response = GatewayCaller(http, headers, signs).send(face.call("", "tools__echo", {"text": "x"}))
        assert_refused(world, response, reason)
    # The authority of another root is no bridge, whatever else is in the chain.
    chain = ", ".join(map(item, [*foreign.chain[1:], *named(user, OTHERS).chain[1:], *named(user).chain]))
    bridged = {"Client-Cert": item(foreign.chain[0]), "Client-Cert-Chain": chain}
    response = GatewayCaller(http, bridged, signs).send(face.call("", "tools__echo", {"text": "x"}))
    assert_refused(world, response, "unknown_authority")


def test_malformed_and_doubled_certificates_are_refused(world: World, user: str, edge: httpx.Client) -> None:
    good, other = (item(named(user).chain[0]) for _ in range(2))
    inner = good[1:-1]
    malformed: list[dict[str, str]] = [
        {"Client-Cert": each}
        for each in (
            "", ":", "::", ":=:", inner, f":{inner}", f"{inner}:", f":{inner}:;a=1", f":{inner} :", f":{inner}=:",
            f":{inner}====:", f":{inner[:40]}\t{inner[40:]}:", f'"{inner}"', f"{good},{good}", f":{inner[:-1]}-:",
            ":-----BEGIN CERTIFICATE-----:", ":AB==:", f":{inner}:{inner}:",
        )
    ]  # fmt: skip
    malformed += [
        {"Client-Cert-Chain": good},
        {"Client-Cert": good, "Client-Cert-Chain": ""},
        {"Client-Cert": good, "Client-Cert-Chain": f"{good},"},
        {"Client-Cert": good, "Client-Cert-Chain": ", ".join([":QQ==:"] * 10)},
    ]
    for headers in malformed:
        response = GatewayCaller(edge, headers).send(MODERN.listing(""))
        assert_refused(world, response, "certificate_malformed")
    wire = as_sent_by_users(MODERN.listing(""))
    for pairs in (
        [("Client-Cert", good), ("Client-Cert", other)],
        [("Client-Cert", good), ("client-cert", good)],
        [("Client-Cert", good), ("Client_Cert", other)],
        [("Client_Cert", good)],
        [("Client-Cert", good), ("Client-Cert-Chain", good), ("Client-Cert-Chain", good)],
    ):
        sent = [*wire.headers.items(), *pairs]
        response = edge.request(wire.method, wire.path, headers=sent, content=wire.body or None)
        assert_refused(world, response, "ambiguous_header")
    # So large a header is refused before it is read, or when it is.
    try:
        huge = GatewayCaller(edge, {"Client-Cert": f":{'A' * 400_000}:"}).send(MODERN.listing(""))
    except httpx.TransportError:
        return
    assert huge.status_code in (400, 401, 431)


def test_one_request_names_its_user_in_one_way(
    world: World, user: str, way: tuple[httpx.Client, bool]
) -> None:
    http, signs = way
    for more in (
        identity(user),
        {"X-OpenWebUI-User-Jwt": "ey"},
        {"Remote-User": user},
        {"X-User-Groups": "eng"},
    ):
        caller = GatewayCaller(http, {**forwarded(named(user)), **more}, signs)
        assert_refused(world, caller.send(MODERN.listing("")), "ambiguous_identity")
    # What the gateway did not sign is no reason to believe, nor to overlook it.
    if signs:
        caller = GatewayCaller(http, forwarded(named(user)), signs, {"Remote-User": user})
        assert_refused(world, caller.send(MODERN.listing("")), "ambiguous_identity")


def test_a_signature_covers_certificate_and_chain_and_is_good_once(world: World, user: str) -> None:
    headers = forwarded(named(user, BELOW))
    chain = {"Client-Cert-Chain": headers["Client-Cert-Chain"]}
    leaf = {"Client-Cert": headers["Client-Cert"]}
    for signed, unsigned in (
        ({"X-Other": "x"}, headers),
        (leaf, chain),
        (identity(user), leaf),
        (chain, leaf),
    ):
        wire = as_sent_by_users(MODERN.listing(""))
        sent = {**wire.headers, **signed, **unsigned, SIGNATURE_HEADER: signature(wire, signed)}
        response = world.http.request(wire.method, wire.path, headers=sent, content=wire.body or None)
        assert_refused(world, response, "header_not_signed")
    wire = as_sent_by_users(MODERN.listing(""))
    sent = {**wire.headers, **headers, SIGNATURE_HEADER: signature(wire, headers)}
    replies = [
        world.http.request(wire.method, wire.path, headers=sent, content=wire.body or None) for _ in range(2)
    ]
    assert [each.status_code for each in replies] == [200, 401]
    assert "signature_replayed" in reasons(world)
    moved = {**sent, SIGNATURE_HEADER: signature(wire, forwarded(named(user)))}
    assert world.http.request(wire.method, wire.path, headers=moved, content=wire.body).status_code == 401


def test_certificates_that_no_gateway_vouches_for_are_nothing(world: World, user: str) -> None:
    headers = forwarded(named(user))
    for face in FACES:
        wire = as_sent_by_users(face.call("", "tools__echo", {"text": "must not run"}))
        response = world.http.request(
            wire.method, wire.path, headers={**wire.headers, **headers}, content=wire.body
        )
        assert response.status_code == 401
    assert world.admin.get("/v1/admin/users", headers={**headers, "X-Admin-Key": ""}).status_code == 401
    until(lambda: world.events(action="session:gateway:ignore"), "what is ignored is recorded")


def test_forwarded_certificates_are_no_credential_in_a_browser_nor_beside_key(
    world: World, user: str, edge: httpx.Client
) -> None:
    headers = forwarded(named(user))
    for name, value in (("Referer", "https://evil.example/"), ("Sec-Fetch-Site", "cross-site")):
        response = GatewayCaller(edge, headers, more={name: value}).send(MODERN.listing(""))
        assert response.status_code == 401
    world.ask("PUT", "issuers/people", {**PEOPLE_RULES, "beside_key": True})
    try:
        assert_refused(world, GatewayCaller(edge, headers).send(MODERN.listing("")), "needs_key")
    finally:
        world.ask("PUT", "issuers/people", PEOPLE_RULES)


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_revocation_stops_calls_in_flight_and_the_next_request(
    world: World, user: str, way: tuple[httpx.Client, bool], face: Face
) -> None:
    http, signs = way
    who = named(user)
    caller = GatewayCaller(http, forwarded(who), signs)
    with slow_call(world, caller, face) as running:  # type: ignore[arg-type]
        world.ask("POST", "issuers/people/revoked", {"serial": who.serial})
        assert running.result().failed
    assert caller.send(face.listing("")).status_code == 401
    assert GatewayCaller(http, forwarded(named(user)), signs).names(face)


def test_a_new_revocation_list_holds_for_the_next_request(
    world: World, user: str, edge: httpx.Client
) -> None:
    who = named(user)
    caller = GatewayCaller(edge, forwarded(who))
    assert caller.names(MODERN)
    crl_file = world.rig.directory / "people.crl"
    new = crl_file.with_suffix(".new")
    new.write_bytes(pem(PEOPLE.revocations(who)) + pem(BELOW.revocations()))
    new.replace(crl_file)
    until(lambda: caller.send(MODERN.listing("")).status_code == 401, "the new list is read")
    assert_refused(world, caller.send(MODERN.listing("")), "revoked")
    assert GatewayCaller(edge, forwarded(named(user))).names(MODERN)
