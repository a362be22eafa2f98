"""A signature of the gateway is good for one request, as raw bytes come: with chunks, pipelines and trailers."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, MODERN, REST, Face, Wire
from tests.end_to_end.gateways import SECRET, as_sent_by_users, identity, rules, signature
from tests.end_to_end.raw_http import RawAnswer, connected, read_answer
from tests.end_to_end.world import Downstream, World, assert_nothing_internal, running
from tests.rig import Rig


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    (directory / "gateway-secret").write_text(SECRET)
    gateway = {"name": "edge", "secrets": [f"file://{directory / 'gateway-secret'}"]}
    with running(directory, prepared, limits=GENEROUS, gateway=gateway, legacy_sse=True) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.ask("PUT", "issuers/edge", rules(eng=started.group("tools")))
        yield started


@pytest.fixture
def user(world: World) -> dict[str, str]:
    """Return the headers that the gateway signs for a user."""
    return {
        name.lower(): value for name, value in identity(f"{world.fresh('user')}@acme.example", "eng").items()
    }


def call(face: Face = MODERN, text: str = "hello") -> Wire:
    return as_sent_by_users(face.call("", "tools__echo", {"text": text}))


def signed(wire: Wire, user: Mapping[str, str], **changes: Any) -> Wire:
    """Return a request as the gateway sends it."""
    return replace(wire, headers={**wire.headers, **user, SIGNATURE_HEADER: signature(wire, user, **changes)})


def raw(wire: Wire, body: bytes | None = None, *more: tuple[str, str], **headers: str) -> bytes:
    """Write a request, with this body in place of its own."""
    sent = wire.body if body is None else body
    own = {**wire.headers, **({} if "Transfer_Encoding" in headers else {"Content-Length": str(len(sent))})}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{wire.method} {wire.path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in [*own.items(), *more]]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + sent


def send(world: World, *requests: bytes) -> RawAnswer:
    with connected(world.rig.ports["port"]) as connection:
        connection.sendall(b"".join(requests))
        return read_answer(connection)


def refused(world: World, reason: str, request: bytes) -> None:
    """Assert that a request is refused for this reason, and that nothing runs."""
    answer = send(world, request)
    assert answer.status == 401, answer
    assert reason in answer.body
    assert_nothing_internal(answer.body)
    assert reason in [event["reason"] for event in world.events(action="session:gateway:refuse")]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_signature_is_good_once(world: World, user: dict[str, str], face: Face) -> None:
    request = raw(signed(call(face), user))
    answer = send(world, request)
    assert answer.status == 200
    assert "hello" in answer.body
    refused(world, "signature_replayed", request)
    with connected(world.rig.ports["port"]) as connection:
        connection.sendall(raw(signed(call(face), user)) + request + raw(signed(call(face), user)))
        assert [read_pipelined(connection) for _ in range(3)] == [200, 401, 200]


def read_pipelined(connection: Any) -> int:
    """Read one response of several, byte by byte at its head."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    while length:
        length -= len(connection.recv(length))
    return int(head.split()[1])


def test_what_is_changed_on_the_way_is_refused(world: World, user: dict[str, str]) -> None:
    other = f"{world.fresh('other')}@acme.example"
    wire = signed(call(), user)
    refused(world, "body_differs", raw(wire, wire.body.replace(b"hello", b"world")))
    refused(world, "body_differs", raw(signed(call(), user), b""))
    wire = signed(call(REST), user)
    refused(world, "signature_wrong", raw(replace(wire, path=f"{wire.path}?x=1")))
    changed = signed(call(), user)
    refused(
        world, "signature_wrong", raw(replace(changed, headers={**changed.headers, "x-user-email": other}))
    )
    refused(world, "ambiguous_header", raw(signed(call(), user), None, ("X-User-Email", other)))
    refused(world, "ambiguous_header", raw(signed(call(), user), None, ("X_User_Email", other)))
    refused(world, "header_not_signed", raw(signed(call(), user), None, ("X-User-Admin", "true")))
    refused(world, "header_not_signed", raw(signed(call(), user), None, ("X-OpenWebUI-User-Jwt", "ey.ey.ey")))
    refused(world, "signature_malformed", raw(signed(call(), user), None, (SIGNATURE_HEADER, "t=1")))
    refused(world, "no_identity", raw(signed(call(), {"x-user-name": "alice"})))
    users = [each["name"] for each in world.ask("GET", "users")["items"]]
    assert other not in users


@pytest.mark.parametrize("seconds", [-3600, -75, 75, 3600])
def test_old_and_early_signatures_are_refused(world: World, user: dict[str, str], seconds: int) -> None:
    refused(world, "signature_time", raw(signed(call(), user, time=int(time.time()) + seconds)))


def test_chunks_are_no_part_of_the_body_and_trailers_mean_nothing(world: World, user: dict[str, str]) -> None:
    def chunked(body: bytes, trailers: bytes = b"") -> bytes:
        middle = len(body) // 2
        parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]))
        return parts + b"0\r\n" + trailers + b"\r\n"

    for trailers in (b"", b"X-User-Email: admin@acme.example\r\n", b"X-User-Groups: MCP-Admin\r\n"):
        wire = signed(call(), user)
        answer = send(world, raw(wire, chunked(wire.body, trailers), Transfer_Encoding="chunked"))
        assert answer.status == 200
        assert "hello" in answer.body
    named = {event["actor"]["name"] for event in world.events(action="call:tool:attempt")}
    assert "admin@acme.example" not in named
    wire = signed(call(), user)
    refused(world, "body_differs", raw(wire, chunked(wire.body + b" "), Transfer_Encoding="chunked"))


def test_a_body_beyond_the_limit_is_refused_and_not_read_without_the_secret(
    world: World, user: dict[str, str]
) -> None:
    large = call(text="x" * 70_000)
    assert send(world, raw(signed(large, user))).status == 413
    # The head alone is answered: no body was waited for.
    head, _, _ = raw(signed(call(), user, nonce="0123456789abcdef"), b"").partition(b"\r\n\r\n")
    wrong = head.replace(b"Content-Length: 0", b"Content-Length: 60000").replace(
        b";s=", b";s=" + b"0" * 64, 1
    )
    answer = send(world, wrong[: wrong.rindex(b";s=") + 67] + b"\r\n\r\n")
    assert answer.status == 401


def test_routes_with_limits_of_their_own_read_the_body_that_was_verified(
    world: World, user: dict[str, str]
) -> None:
    wire = Wire("POST", "/v1/me/requests", {"Content-Type": "application/json"}, b'{"reason": "a test"}')
    answer = send(world, raw(signed(wire, user)))
    assert answer.status == 400
    assert "access: Field required" in answer.body, "the body was read, and has no such member"
    padded = Wire("POST", "/v1/credentials/tools/connect", wire.headers, b"{" + b" " * 5_000 + b"}")
    assert send(world, raw(signed(padded, user))).status == 413


def test_a_stream_outlives_its_signature(world: World, user: dict[str, str]) -> None:
    with connected(world.rig.ports["port"]) as connection:
        connection.sendall(raw(signed(Wire("GET", "/sse", {"Accept": "text/event-stream"}), user)))
        stream = connection.makefile("rb")
        path = next(line for line in stream if line.startswith(b"data: /messages")).split()[1].decode()
        # The stream looks at its principal again when a second has gone by, and must not take this for a replay.
        opened, number = time.monotonic(), 0
        while time.monotonic() < opened + 2.5:
            number += 1
            answered = ping(world, path, user, number)
            assert answered == 202
            found = next(line for line in stream if line.startswith(b"data: {"))
            assert json.loads(found[6:])["id"] == number


def ping(world: World, path: str, user: Mapping[str, str], number: int) -> int:
    """Post a ping of the user, and return the status."""
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode()
    return send(
        world, raw(signed(Wire("POST", path, {"Content-Type": "application/json"}, body), user))
    ).status
