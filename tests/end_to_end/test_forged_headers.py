"""Identity headers of other senders than the gateway change nothing on any route of any listener, and are told."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from ambassador_server.domain.people.gateway_requests import IDENTITY_HEADERS
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MODERN, REST, Wire
from tests.end_to_end.gateways import SECRET, rules, signature
from tests.end_to_end.raw_http import RawAnswer, connected, read_answer
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.rig import Rig

VICTIM = "victim@acme.example"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that believes a gateway, so that its headers would mean something."""
    (directory / "gateway-secret").write_text(SECRET)
    gateway = {"name": "edge", "secrets": [f"file://{directory / 'gateway-secret'}"]}
    with running(directory, prepared, limits=GENEROUS, gateway=gateway, legacy_sse=True) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        group = started.group("tools")
        started.ask("PUT", "issuers/edge", rules(MCP_Admin=group))
        yield started


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    """Return a user with a key and without any grant."""
    return Caller(world.http, world.person(world.group()).key)


FORGED = (
    ("X-User-Email", VICTIM),
    ("X-User-Groups", "MCP-Admin"),
    ("X-User-Admin", "true"),
    ("X-OpenWebUI-User-Email", VICTIM),
    ("X-OpenWebUI-User-Role", "admin"),
    ("X-OpenWebUI-User-Jwt", "eyJhbGciOiJub25lIn0.e30."),
    ("X-Auth-Source", "entra-token"),
    ("X-Entra-Groups", "MCP-Admin"),
    ("X-Forwarded-User", VICTIM),
    ("X-Forwarded-Email", VICTIM),
    ("X-Auth-Request-Email", VICTIM),
    ("Remote-User", VICTIM),
    ("X-Gateway-Validated", "true"),
    ("Client-Cert", ":MIIB:"),
)


def requests(secret: str) -> list[tuple[str, Wire]]:
    """Return requests to every kind of route, with this credential."""
    bearer = {"Authorization": f"Bearer {secret}"} if secret else {}
    plain = [
        ("port", Wire("GET", path, bearer))
        for path in ("/v1/tools", "/v1/me", "/ready", "/.well-known/oauth-protected-resource")
    ]
    plain += [
        ("port", Wire(method, "/mcp", {**bearer, "Mcp-Session-Id": "none"})) for method in ("GET", "DELETE")
    ]
    plain += [("port", Wire("POST", "/messages?session_id=none", bearer, b"{}"))]
    admin = {"X-Admin-Key": secret} if secret else {}
    plain += [
        ("admin_port", Wire("GET", path, admin))
        for path in ("/v1/admin/users", "/v1/admin/issuers", "/ready")
    ]
    for face in FACES:
        for wire in (face.listing(secret), face.call(secret, "tools__echo", {"text": "must not run"})):
            headers = (
                wire.headers if secret else {k: v for k, v in wire.headers.items() if k != "Authorization"}
            )
            plain.append(("port", Wire(wire.method, wire.path, headers, wire.body)))
    return plain


def send(world: World, port: str, wire: Wire, more: tuple[tuple[str, str], ...] = ()) -> RawAnswer:
    """Send a request over a connection of its own, with more headers behind its own."""
    length = {"Content-Length": str(len(wire.body))} if wire.body else {}
    own = [*{**wire.headers, **length, "Connection": "close"}.items(), *more]
    lines = [
        f"{wire.method} {wire.path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in own),
    ]
    with connected(world.rig.ports[port]) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + wire.body)
        return read_answer(connection)


def shape(answer: RawAnswer) -> tuple[int, str]:
    """Return what an answer says, without what differs from request to request."""
    text = re.sub(r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:.+Z]+", "VARYING", answer.body)
    return answer.status, re.sub(r'"(behind_\w+|uptime\w*)":[0-9.]+', "", text)


def ignored(world: World) -> int:
    """Return how many requests had headers that were ignored."""
    text = world.admin.get("/metrics").text
    (found,) = re.findall(r"^mcp_ambassador_identity_headers_ignored_total ([0-9.]+)$", text, re.M)
    return int(float(found))


@pytest.mark.parametrize("secret", ["", "key"])
def test_forged_headers_change_no_route_of_any_listener(world: World, caller: Caller, secret: str) -> None:
    before, users = ignored(world), world.ask("GET", "users")["items"]
    sent = requests(caller.secret if secret else "")
    for port, wire in sent:
        plain = shape(send(world, port, wire))
        assert shape(send(world, port, wire, FORGED)) == plain, (port, wire.method, wire.path)
        if port == "admin_port" and wire.path != "/ready":
            assert plain[0] == 401
    assert world.ask("GET", "users")["items"] == users
    assert ignored(world) - before == len(sent)


NAMES = st.sampled_from([name for name, _ in FORGED]).flatmap(
    lambda name: st.sampled_from(
        [name, name.lower(), name.upper(), name.replace("-", "_"), f"{name}-", f"X-{name}"]
    )
)
VALUES = st.sampled_from(
    [
        "",
        " ",
        VICTIM,
        f"{VICTIM}, admin@acme.example",
        "MCP-Admin",
        "true",
        "\xe9\xff",
        "a" * 4000,
        "\t,",
        "%00",
        '"x"',
    ]
) | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=8), st.booleans())
def test_any_such_headers_change_nothing(
    world: World, caller: Caller, headers: list[tuple[str, str]], has_key: bool
) -> None:
    secret = caller.secret if has_key else "amb_pk_none"
    for face in (LEGACY, MODERN, REST):
        wire = face.listing(secret)
        assert shape(send(world, "port", wire, tuple(headers))) == shape(send(world, "port", wire))
    assert all(user["name"] != VICTIM for user in world.ask("GET", "users")["items"])


def test_a_thousand_groups_and_folded_lines_are_refused_or_ignored(world: World, caller: Caller) -> None:
    wire = MODERN.listing(caller.secret)
    plain = shape(send(world, "port", wire))
    many = ",".join(f"g{number}" for number in range(1000))
    assert shape(send(world, "port", wire, (("X-User-Groups", many),))) == plain
    assert send(world, "port", wire, (("X-User-Email", "a\r\n b"),)).status == 400
    assert send(world, "port", wire, (("X-User-Email ", VICTIM),)).status == 400
    assert send(world, "port", wire, (("X-User-Email", "a" * 100_000),)).status == 400


def test_a_request_whose_signature_is_wrong_is_not_one_of_its_key(world: World, caller: Caller) -> None:
    wire = MODERN.listing(caller.secret)
    assert send(world, "port", wire).status == 200
    assert send(world, "port", wire, ((SIGNATURE_HEADER, "t=1"),)).status == 401
    # Another spelling is another header, and none of ours.
    assert send(world, "port", wire, ((SIGNATURE_HEADER.replace("-", "_"), "t=1"),)).status == 200
    other = signature(wire, {"x-user-email": VICTIM}, method="GET")
    assert send(world, "port", wire, ((SIGNATURE_HEADER, other), ("X-User-Email", VICTIM))).status == 401


def test_an_ignored_header_is_recorded_once_a_minute_with_its_name_alone(
    world: World, caller: Caller
) -> None:
    for _ in range(3):
        send(world, "port", MODERN.listing(caller.secret), FORGED)
    found = world.events(action="session:gateway:ignore")
    assert len(found) == 1, "one of an address in a minute, however many come"
    assert found[0]["reason"] == "not_from_gateway"
    assert {*found[0]["details"]["headers"]} <= IDENTITY_HEADERS
    assert VICTIM not in json.dumps(found)
