"""Pages of listed origins may use `/mcp` from a browser; all other pages, and all other routes, are refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY, MCP_FACES, MODERN, Mcp
from tests.end_to_end.legacy_host import messages
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.rig import Rig

APP = "https://app.example.com"
LISTED = (APP, "http://localhost:6274", "vscode-webview://abc")
FOREIGN = (
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://APP.example.com",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://sub.app.example.com",
    "https://app.example.com/",
    "https://app.example.com, https://app.example.com",
    "null",
    "*",
)
ASKED = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, "
    "last-event-id, mcp-param-region"
)


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS, cors={"origins": LISTED}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


class Page:
    """The checks that a browser makes for a page of an origin, as the Fetch standard says."""

    def __init__(self, http: httpx.Client, origin: str) -> None:
        self.http = http
        self.origin = origin

    def fetch(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> httpx.Response:
        """Return the answer, or raise PermissionError where a browser would give the page none."""
        asked = ",".join(sorted(name.lower() for name in headers))
        preflight = self.http.options(
            path,
            headers={
                "Origin": self.origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": asked,
            },
        )
        self._check_origin(preflight)
        if not preflight.is_success:
            raise PermissionError(f"preflight: {preflight.status_code}")
        methods = words(preflight, "Access-Control-Allow-Methods")
        if method not in methods:
            raise PermissionError(method)
        granted = {name.lower() for name in words(preflight, "Access-Control-Allow-Headers")}
        if refused := set(asked.split(",")) - granted:
            raise PermissionError(f"headers: {refused}")
        answer = self.http.request(
            method, path, headers={**headers, "Origin": self.origin, "Sec-Fetch-Mode": "cors"}, content=body
        )
        self._check_origin(answer)
        return answer

    def readable(self, answer: httpx.Response, header: str) -> str:
        """Return a header of an answer that the page may read."""
        if header.lower() not in {name.lower() for name in words(answer, "Access-Control-Expose-Headers")}:
            raise PermissionError(header)
        return answer.headers[header]

    def _check_origin(self, answer: httpx.Response) -> None:
        if answer.headers.get_list("Access-Control-Allow-Origin") != [self.origin]:
            raise PermissionError(f"{answer.status_code}: origin")


def words(answer: httpx.Response, header: str) -> list[str]:
    return [word.strip() for word in answer.headers.get(header, "").split(",")]


def preflight(http: httpx.Client, origin: str, path: str = "/mcp", **headers: str | bytes) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ASKED}
    return http.options(path, headers={"Origin": origin, **asked, **headers})


def assert_no_grant(answer: httpx.Response) -> None:
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")], answer.headers


@pytest.mark.parametrize("origin", LISTED)
def test_preflight_is_answered_before_authentication(world: World, caller: Caller, origin: str) -> None:
    answer = preflight(caller.http, origin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert {"POST", "GET", "DELETE"} == set(words(answer, "Access-Control-Allow-Methods"))
    granted = {name.lower() for name in words(answer, "Access-Control-Allow-Headers")}
    assert set(map(str.strip, ASKED.split(","))) <= granted
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in words(answer, "Vary")
    assert answer.headers["X-Request-Id"]


def test_preflight_grants_no_header_beyond_the_protocol(caller: Caller) -> None:
    strange = (
        "cookie, x-admin-key, x-session-token, mcp-param-, mcp-param-a b, mcp-param-\x80, *, mcp-parameter-x"
    )
    asked = {"Access-Control-Request-Headers": strange.encode("latin-1")}
    answer = preflight(caller.http, APP, **asked)
    granted = {name.lower() for name in words(answer, "Access-Control-Allow-Headers")}
    assert granted == {
        *("authorization", "content-type", "accept", "mcp-protocol-version", "mcp-session-id"),
        *("mcp-method", "mcp-name", "last-event-id"),
    }


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_page_of_a_listed_origin_calls_a_tool(caller: Caller, tools: Downstream, face: Mcp) -> None:
    page = Page(caller.http, APP)
    before = tools.count()
    wire = face.call(caller.secret, "tools__echo", {"text": "from a page"})
    answer = page.fetch(wire.method, wire.path, wire.headers, wire.body)
    assert face.read(answer.status_code, answer.content).text == "from a page"
    assert tools.count() == before + 1
    assert page.readable(answer, "X-Request-Id")


def test_page_has_a_whole_conversation_and_a_streamed_answer(caller: Caller) -> None:
    page = Page(caller.http, APP)
    params: dict[str, Any] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "page", "version": "1"},
    }
    wire = LEGACY.request(caller.secret, "initialize", params)
    begun = page.fetch("POST", "/mcp", wire.headers, wire.body)
    conversation = {"Mcp-Session-Id": page.readable(begun, "Mcp-Session-Id")}
    wire = LEGACY.request(
        caller.secret,
        "tools/call",
        {"name": "tools__progress", "arguments": {"steps": 2}, "_meta": {"progressToken": 1}},
    )
    streamed = page.fetch("POST", "/mcp", {**wire.headers, **conversation}, wire.body)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert [each.get("method") for each in messages(streamed)] == ["notifications/progress"] * 2 + [None]
    headers = {**LEGACY.headers(caller.secret, "", {}), **conversation, "Origin": APP}
    with caller.http.stream("GET", "/mcp", headers=headers) as changes:
        assert changes.headers["content-type"] == "text/event-stream"
        assert changes.headers["Access-Control-Allow-Origin"] == APP
    ended = page.fetch("DELETE", "/mcp", {**LEGACY.headers(caller.secret, "", {}), **conversation})
    assert ended.is_success


def test_page_can_read_errors(caller: Caller) -> None:
    page = Page(caller.http, APP)
    wire = MODERN.call("amb_st_wrong", "tools__echo", {})
    refused = page.fetch("POST", "/mcp", wire.headers, wire.body)
    assert refused.status_code == 401
    assert page.readable(refused, "WWW-Authenticate").startswith("Bearer")
    assert refused.json()["code"]
    wire = MODERN.call(caller.secret, "tools__echo", {})
    for body, status in ((b"{not json", 400), (b"x" * 100_000, 413)):
        assert page.fetch("POST", "/mcp", wire.headers, body).status_code == status
    with pytest.raises(PermissionError, match="PUT"):
        page.fetch("PUT", "/mcp", {})


@pytest.mark.parametrize("origin", FOREIGN)
def test_page_of_another_origin_is_refused(caller: Caller, tools: Downstream, origin: str) -> None:
    before = tools.count()
    refused = preflight(caller.http, origin)
    assert refused.status_code == 403
    assert_no_grant(refused)
    for face in MCP_FACES:
        wire = face.call(caller.secret, "tools__echo", {})
        answer = caller.http.post("/mcp", headers={**wire.headers, "Origin": origin}, content=wire.body)
        assert answer.status_code == 403
        assert_no_grant(answer)
        assert "Origin" in words(answer, "Vary")
    assert tools.count() == before


@pytest.mark.parametrize(
    "path", ["/v1/tools", "/v1/tools/invoke", "/v1/sessions/register", "/v1/me", "/nowhere", "/mcp/", "/MCP"]
)
def test_listed_origin_may_use_no_other_route(caller: Caller, path: str) -> None:
    assert preflight(caller.http, APP, path).status_code == 403
    refused = caller.http.post(path, headers={"Origin": APP, "X-Session-Token": caller.secret}, json={})
    assert refused.status_code == 403
    assert_no_grant(refused)


def test_page_can_register_itself_and_get_tokens_but_not_consent(world: World) -> None:
    """There is no such issuer here, which the page can read."""
    page, at = Page(world.http, APP), "/oauth/hosts/login"
    metadata = f"/.well-known/oauth-authorization-server{at}"
    for method, path in (("GET", metadata), ("POST", f"{at}/register"), ("POST", f"{at}/token")):
        headers = {"Content-Type": "application/json"}
        assert page.fetch(method, path, headers, b"{}").status_code == 404
    for path in (f"{at}/authorize", f"{at}/callback", f"{at}/authorize/token/x"):
        with pytest.raises(PermissionError):
            page.fetch("GET", path, {})
        assert world.http.get(path, headers={"Origin": APP}).status_code == 403


def test_health_probes_and_the_admin_port_grant_nothing(world: World, caller: Caller) -> None:
    assert_no_grant(caller.http.get("/health", headers={"Origin": APP}))
    for path in ("/mcp", "/v1/admin/users"):
        refused = preflight(world.admin, APP, path)
        assert refused.status_code == 403
        assert_no_grant(refused)
        assert "Vary" not in refused.headers
        assert_no_grant(world.admin.get(path, headers={"Origin": APP}))


def test_what_is_no_preflight_grants_nothing(caller: Caller) -> None:
    for headers in ({}, {"Origin": APP}, {"Access-Control-Request-Method": "POST"}):
        answer = caller.http.options("/mcp", headers=headers)
        assert answer.status_code == 405
        assert "Access-Control-Allow-Methods" not in answer.headers
    wire = MODERN.call(caller.secret, "tools__echo", {"text": "x"})
    plain = caller.http.post("/mcp", headers=wire.headers, content=wire.body)
    assert plain.status_code == 200
    assert_no_grant(plain)
    assert "Origin" in words(plain, "Vary")


def test_page_of_this_host_that_is_not_listed_is_served_but_granted_nothing(caller: Caller) -> None:
    wire = MODERN.call(caller.secret, "tools__echo", {"text": "x"})
    headers = {**wire.headers, "Origin": "http://localhost:3000"}
    answer = caller.http.post("/mcp", headers=headers, content=wire.body)
    assert json.loads(answer.content)["result"]
    assert_no_grant(answer)
    assert preflight(caller.http, "http://localhost:3000").status_code == 405


def test_by_default_no_origin_is_listed(tmp_path: Path, prepared: Rig, tools: Downstream) -> None:
    with running(tmp_path, prepared) as started:
        http = started.caller().http
        refused = preflight(http, APP)
        assert refused.status_code == 403
        assert "Vary" not in refused.headers
        assert_no_grant(refused)
