"""Malformed HTTP, slow requests, and invalid input to the admin API."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.raw_http import RawAnswer, connected, exchange, head, read_answer
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import Caller, World, assert_nothing_internal, assert_works

SLOW_CONNECTIONS = 60

MALFORMED_HTTP = {
    "not_http": b"HELO mail.example\r\n\r\n",
    "no_version": b"GET /v1/admin/users\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",
    "bad_header": b"GET /health HTTP/1.1\r\nHost localhost\r\n\r\n",
    "header_with_nul": b"GET /health HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
    "folded_header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n\r\n",
    "long_header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "many_headers": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 20_000 + b"\r\n",
    "long_path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two_lengths": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length_and_chunks": (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "negative_length": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "absurd_length": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9" + b"9" * 40 + b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@pytest.mark.parametrize("data", MALFORMED_HTTP.values(), ids=MALFORMED_HTTP)
@pytest.mark.parametrize("port", ["port", "admin_port"])
def test_malformed_http_is_refused_without_internal_details(world: World, port: str, data: bytes) -> None:
    with connected(world.rig.ports[port]) as connection:
        try:
            connection.sendall(data)
            answer = read_answer(connection)
        except ConnectionError:
            return
    assert answer.status in (0, 400, 401, 421, 431, 505), answer
    assert_nothing_internal(answer.body)
    assert "Traceback" not in world.log_text(), "malformed requests are not logged"


BROKEN_BODIES = {
    coding: ({"Content-Encoding": coding}, b"this is not compressed")
    for coding in ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", "identity", "xyz", "\xff")
} | {
    "cut_gzip": ({"Content-Encoding": "gzip"}, gzip.compress(b'{"a":"' + b"xy" * 99 + b'"}')[:-12]),
    "bomb": ({"Content-Encoding": "gzip"}, gzip.compress(b" " * 50_000_000)),
    "charset": ({"Content-Type": "application/json; charset=xyz"}, b"{}\xff"),
    "charset_utf16": ({"Content-Type": "application/json; charset=utf-16"}, b"{}\xff"),
    "multipart": ({"Content-Type": "multipart/form-data"}, b"--x\r\n\r\n"),
    "content_type": ({"Content-Type": "\xff;;;="}, b"{}"),
    "no_content_type": ({"Content-Type": ""}, b"{}"),
    "nul": ({}, b"\x00\x00"),
    "surrogates": ({}, b'{"a":"\\ud800\xed\xa0\x80"}'),
    "expect": ({"Expect": "200-maybe"}, b"{}"),
    "te": ({"TE": "trailers, deflate;q=9"}, b"[]"),
    "bytes_in_header": ({"X-Request-Id": "\xff\xfe"}, b"[]"),
    "cookie": ({"Cookie": "\xff=;;;$"}, b"[]"),
    "if_match": ({"If-Match": '"\xff, W/'}, b"[]"),
    "range": ({"Range": "bytes=9-1,-"}, b"[]"),
    "dates": ({"If-Modified-Since": "yesterday"}, b"[]"),
}
CLIENT_ROUTES = ("/mcp", "/v1/tools/invoke", "/v1/sessions/register", "/v1/sessions/heartbeat", "/v1/me/keys")
ADMIN_ROUTES = ("users", "groups", "keys", "mcps", "grants", "kill-switches", "batch", "login", "admin-keys")
ADMIN_ITEM_ROUTES = (
    ("PUT", "users/{}"),
    ("PATCH", "users/{}"),
    ("PUT", "users/{}/password"),
    ("PUT", "groups/{}"),
    ("PATCH", "groups/{}"),
    ("PUT", "groups/{}/members/{}"),
    ("PUT", "keys/{}/{}"),
    ("PATCH", "keys/{}"),
    ("POST", "keys/{}/rotate"),
    ("PUT", "mcps/{}"),
    ("PATCH", "mcps/{}"),
    ("POST", "mcps/{}/approve"),
    ("POST", "mcps/{}/test"),
    ("PUT", "subscriptions/{}/{}"),
    ("POST", "kill-switches/{}/lift"),
    ("POST", "admin-keys/{}/revoke"),
)


@pytest.mark.parametrize("case", BROKEN_BODIES)
@pytest.mark.parametrize("authenticated", [True, False], ids=["known", "unknown"])
def test_broken_body_is_refused_on_every_route(
    world: World, caller: Caller, case: str, authenticated: bool
) -> None:
    """No route answers it with an internal error, or logs a traceback."""
    changes, body = BROKEN_BODIES[case]
    wire = LEGACY.call(caller.secret if authenticated else "amb_st_x", "tools__echo", {})
    admin = {"X-Admin-Key": world.rig.facts["admin_key"] if authenticated else "amb_ak_x"}
    requests = [("port", "POST", path, wire.headers) for path in CLIENT_ROUTES]
    admin_routes = [("POST", path) for path in ADMIN_ROUTES] + [("PUT", "password"), ("PUT", "grants")]
    admin_routes += [(method, path.replace("{}", "rough")) for method, path in ADMIN_ITEM_ROUTES]
    requests += [
        ("admin_port", method, f"/v1/admin/{path}", {"Content-Type": "application/json", **admin})
        for method, path in admin_routes
    ]
    for port, method, path, headers in requests:
        sent = {**headers, "Content-Length": str(len(body)), **changes}
        answer = exchange_refused(world.rig.ports[port], head(method, path, sent), body)
        if answer is None:
            continue
        is_harmless = path.endswith("heartbeat") and answer.status in (200, 429)
        assert is_harmless or 400 <= answer.status < 500, (path, answer)
        # The library answers an unknown expectation before any route is reached.
        if not is_harmless and answer.status != 417:
            kind = answer.head.lower()
            assert "application/problem+json" in kind or '"jsonrpc"' in answer.body, (path, answer)
        assert_nothing_internal(answer.body)
    assert "Traceback" not in world.log_text()
    assert_works(caller)


def exchange_refused(port: int, *pieces: bytes) -> RawAnswer | None:
    """Send bytes and read one response; None if the server closed the connection meanwhile."""
    try:
        return exchange(port, *pieces)
    except ConnectionError:
        return None


@pytest.mark.parametrize(
    "target",
    [
        b"/%",
        b"/%zz",
        b"/v1/%ff%fe",
        b"/v1/%ed%a0%80",
        b"/%00",
        b"/\xff\xfe",
        b"//",
        b"*",
        b"http://[::1",
        b"?%",
        b"/a?b=%&c=%ff",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"TRACE", b"CONNECT", b"OPTIONS", b"g\xff", b"BREW"])
@pytest.mark.parametrize("port", ["port", "admin_port"])
def test_malformed_target_is_refused(world: World, port: str, method: bytes, target: bytes) -> None:
    request = method + b" " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = exchange_refused(world.rig.ports[port], request)
    if answer is not None:
        assert answer.status == 0 or 400 <= answer.status < 500, answer
        assert_nothing_internal(answer.body.replace("/home/", ""))
    assert "Traceback" not in world.log_text()


def test_bad_chunk_ends_the_request(world: World, caller: Caller) -> None:
    headers = {**LEGACY.call(caller.secret, "tools__echo", {}).headers, "Transfer-Encoding": "chunked"}
    answer = exchange(world.rig.ports["port"], head("POST", "/mcp", headers) + b"zz\r\nnonsense\r\n0\r\n\r\n")
    assert answer.status == 400
    assert_nothing_internal(answer.body)


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_connection_closed_during_a_body_affects_no_other_caller(
    world: World, caller: Caller, face: Any
) -> None:
    wire = face.call(caller.secret, "tools__echo", {"text": "half"})
    headers = {**wire.headers, "Content-Length": str(len(wire.body))}
    for cut in (0, 1, len(wire.body) // 2, len(wire.body) - 1):
        with connected(world.rig.ports["port"]) as connection:
            connection.sendall(head("POST", wire.path, headers) + wire.body[:cut])
    assert_works(caller)


def test_slow_requests_delay_no_other_caller(world: World, caller: Caller) -> None:
    """Half of the requests send their headers slowly, half their body; other callers are served meanwhile."""
    with crawling(world.rig.ports["port"], caller.secret) as crawlers:
        for _ in range(10):
            assert_works(caller)
            assert_works(world.caller())
            assert world.admin.get("/v1/admin/users").status_code == 200
        assert crawlers.is_alive()


@contextmanager
def crawling(port: int, secret: str) -> Iterator[threading.Thread]:
    """Keep connections open, each of which sends a byte at intervals."""
    done = threading.Event()
    wire = LEGACY.call(secret, "tools__echo", {})
    headers = head("POST", "/mcp", {**wire.headers, "Content-Length": "60000"})
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(SLOW_CONNECTIONS)]
        for connection in slow[::2]:
            connection.sendall(headers)
        for connection in slow[1::2]:
            connection.sendall(b"POST /mcp HTTP/1.1\r\nX-Slow: ")

        def crawl() -> None:
            while not done.wait(0.2):
                for connection in slow:
                    connection.sendall(b"x")

        thread = threading.Thread(target=crawl)
        thread.start()
        try:
            yield thread
        finally:
            done.set()
            thread.join()


def test_invalid_utf8_is_refused_even_if_the_arguments_are_not_recorded(world: World) -> None:
    """The audit does not decode the arguments of this MCP, so only the face can detect the invalid bytes."""
    url = world.ask("GET", "mcps/tools")["options"]["url"]
    world.publish("unread", "streamable_http", {"url": url}, arguments="none")
    caller = world.caller()
    for face in FACES:
        wire = face.call(caller.secret, "unread__echo", {"text": "TEXT"})
        answer = caller.send(replace(wire, body=wire.body.replace(b"TEXT", b"\xff\xfe")))
        assert answer.status_code == 400, face
        assert_nothing_internal(answer.text)


ADMIN_INPUT: dict[str, tuple[str, str, Any]] = {
    "unknown_member": ("POST", "users", {"name": "x", "admin": True}),
    "missing_member": ("POST", "users", {}),
    "wrong_type": ("POST", "users", {"name": 5}),
    "path_as_name": ("POST", "users", {"name": "../../etc/passwd"}),
    "control_in_name": ("POST", "users", {"name": "a\nb"}),
    "long_name": ("POST", "users", {"name": "x" * 200}),
    "long_text": ("POST", "users", {"name": "ok", "display_name": "x" * 5000}),
    "odd_mail": ("POST", "users", {"name": "ok2", "email": "x\u0000\n" * 10}),
    "no_object": ("POST", "users", [{"name": "x"}]),
    "deep": ("POST", "mcps", {"name": "deep", "transport": "stdio", "options": {"command": [[[[["x"]]]]]}}),
    "unknown_transport": ("POST", "mcps", {"name": "t", "transport": "../stdio", "options": {}}),
    "dunder_transport": ("POST", "mcps", {"name": "t", "transport": "__init__", "options": {}}),
    "unknown_option": ("POST", "mcps", {"name": "t", "transport": "stdio", "options": {"shell": True}}),
    "nul_command": ("POST", "mcps", {"name": "t", "transport": "stdio", "options": {"command": "a\u0000b"}}),
    "own_secret": (
        "POST",
        "mcps",
        {
            "name": "t",
            "transport": "stdio",
            "options": {"command": "x", "env": {"A": "env://MCP_AMBASSADOR_X"}},
        },
    ),
    "file_url": (
        "POST",
        "mcps",
        {"name": "t", "transport": "streamable_http", "options": {"url": "file:///etc"}},
    ),
    "own_header": (
        "POST",
        "mcps",
        {
            "name": "t",
            "transport": "streamable_http",
            "options": {"url": "http://x/", "headers": {"Host": "y"}},
        },
    ),
    "timeout": (
        "POST",
        "mcps",
        {"name": "t", "transport": "stdio", "options": {"command": "x"}, "call_timeout_seconds": 1e9},
    ),
    "negative_time": ("POST", "keys", {"user": "x", "name": "y", "expires_in_seconds": -1}),
    "endless_time": ("POST", "keys", {"user": "x", "name": "y", "expires_in_seconds": 10**30}),
    "true_time": ("POST", "keys", {"user": "x", "name": "y", "expires_in_seconds": True}),
    "bad_pattern": ("POST", "grants", {"group": "developers", "mcp": "tools", "tools": ["a b"]}),
    "no_pattern": ("POST", "grants", {"group": "developers", "mcp": "tools", "tools": []}),
    "many_patterns": ("POST", "grants", {"group": "developers", "mcp": "tools", "tools": ["x"] * 1000}),
    "bad_effect": ("POST", "grants", {"group": "developers", "mcp": "tools", "effect": "allow"}),
    "no_reason": ("POST", "kill-switches", {"scope": "everyone", "reason": " "}),
    "bad_scope": ("POST", "kill-switches", {"scope": "world", "reason": "x"}),
    "no_target": ("POST", "kill-switches", {"scope": "user", "reason": "x"}),
    "bad_status": ("PATCH", "users/x", {"status": "root"}),
}


@pytest.mark.parametrize("case", ADMIN_INPUT)
def test_invalid_admin_input_is_refused_with_the_name_of_the_field(world: World, case: str) -> None:
    method, path, body = ADMIN_INPUT[case]
    answer = world.admin.request(method, f"/v1/admin/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "validation_error"
    assert_nothing_internal(answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "users/%00",
        "users/%FF%FE",
        "users/%ED%A0%80",
        "users/..%2F..%2Fetc%2Fpasswd",
        "users/" + "x" * 3000,
        "users?cursor=%FF&limit=1",
        "users?limit=99999999999999999999",
        "users?limit=-1",
        "users?limit=%D9%A1",
        "keys?user=%FF",
        "mcps/x%0A/tools",
        "audit/events?actor=%00",
        "audit/events?resource=" + "*a" * 2000,
        "audit/events?resource=%5B%5B%3F",
        "audit/events?cursor=999999999999999999",
        "audit/events?after=999999999999999999&limit=1",
        "audit/events?since=0001-01-01T00:00:00%2B23:59",
        "audit/events?until=9999-12-31T23:59:59-23:59",
        "audit/events?since=yesterday",
        "audit/events?outcome=x",
        "audit/events?nonsense=1",
        "audit/events?since=%ED%A0%80",
        "audit/events?request_id=%ED%A0%80%00",
    ],
)
def test_unusual_admin_paths_and_queries_are_answered(world: World, path: str) -> None:
    answer = world.admin.get(f"/v1/admin/{path}")
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert_nothing_internal(answer.text.replace("/etc/", ""))


@pytest.mark.parametrize(
    "name",
    [
        "%00",
        "%FF%FE",
        "%ED%A0%80",
        "..%2F..%2Fetc%2Fpasswd",
        "x" * 3000,
        "x%0A",
        "%2E",
        "%20",
        "*",
        "a:b%2Fc",
    ],
)
@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"members": 5}, []])
def test_unusual_names_in_paths_are_refused_by_every_method(world: World, name: str, body: Any) -> None:
    for method, path in ADMIN_ITEM_ROUTES:
        answer = world.admin.request(method, f"/v1/admin/{path.replace('{}', name)}", json=body)
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
        assert "application/problem+json" in answer.headers["Content-Type"]
        assert_nothing_internal(answer.text.replace("/etc/", ""))
    assert "Traceback" not in world.log_text()


def test_costly_grant_pattern_delays_no_caller(world: World, directory: Path) -> None:
    world.publish("long", "stdio", options(directory, {"tools": [tool("a" * 200)]}))
    group = world.group()
    costly = {"group": group, "mcp": "long", "tools": ["*a" * 60 + "*b"], "allow_unmatched": True}
    world.ask("POST", "grants", costly)
    caller = world.session(world.person(group))
    assert caller.names(LEGACY) == []
    assert caller.call(LEGACY, "long." + "a" * 200).failed


def test_no_request_caused_an_internal_error(world: World) -> None:
    assert "unhandled error" not in world.log_text()
