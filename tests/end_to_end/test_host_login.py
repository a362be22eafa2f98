"""Hosts that can only register themselves log in through the server, and nothing of the provider is kept there."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

from tests.end_to_end import host_logins
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.host_logins import REDIRECT, authorize_url, exchange, query_of, server_of
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider
from tests.server.downstream.authorization.test_sdk_oracle import Storage

METADATA = "/.well-known/oauth-authorization-server/oauth/hosts/login"
CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
VSCODE = "https://vscode.dev/redirect"


@pytest.fixture(scope="module")
def world(directory: Any, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        give_public_url(started, started.rig.client_url)
        yield started


@pytest.fixture(scope="module")
def provider(world: World) -> Iterator[str]:
    with oidc_provider(resource=f"{world.rig.client_url}/mcp", groups=["eng"]) as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def trusted(world: World, provider: str) -> dict[str, Any]:
    """Trust the issuer, and return the body of that."""
    return host_logins.trust_hosts(
        world,
        provider,
        group_map={"eng": world.group("tools")},
        scopes=["read"],
        host_redirects=[CURSOR, VSCODE],
        host_scopes=["offline_access"],
    )


def test_the_server_describes_itself_as_where_hosts_log_in(world: World, provider: str) -> None:
    at = server_of(world)
    assert world.http.get(METADATA).json() == {
        "issuer": at,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "registration_endpoint": f"{at}/register",
        "scopes_supported": ["read", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    resource = world.http.get("/.well-known/oauth-protected-resource").json()
    assert resource["authorization_servers"] == [at, provider]
    for path in (METADATA[:-1], f"{METADATA}/", f"{METADATA}x", METADATA.replace("login", "other")):
        assert world.http.get(path).status_code == 404, path


def test_a_registration_is_answered_with_the_client_of_all_hosts(world: World) -> None:
    uris = [REDIRECT, "http://localhost:6274/oauth/callback/debug", "http://[::1]/", CURSOR, VSCODE]
    body = {"redirect_uris": uris, "client_name": "x", "token_endpoint_auth_method": "client_secret_post"}
    answer = world.http.post("/oauth/hosts/login/register", json=body)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert (found["client_id"], found["redirect_uris"]) == ("mcp-host", uris)
    assert found["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in found


def test_what_vs_code_sends_is_understood(world: World, trusted: dict[str, Any]) -> None:
    """It registers four redirect URIs at once, and then may use another port than the one it has named."""
    pages = ["https://insiders.vscode.dev/redirect", VSCODE]
    body = {
        "client_name": "Visual Studio Code",
        "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [*pages, "http://127.0.0.1/", "http://127.0.0.1:33418/"],
        "scope": "read",
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    path = "/oauth/hosts/login/register"
    refused = world.http.post(path, json=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
    assert pages[0] in refused.json()["error_description"]
    world.ask("PATCH", "issuers/login", {"host_redirects": pages})
    assert world.http.post(path, json=body).json()["redirect_uris"] == body["redirect_uris"]
    port = "http://127.0.0.1:59656/"
    for uri in (*pages, port):
        back = host_logins.Browser().log_in(world, uri, redirect_uri=uri, scope="read")
        assert exchange(world, back["code"], redirect_uri=uri).status_code == 200
    world.ask("PUT", "issuers/login", trusted)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_what_a_host_gets_calls_on_every_face(world: World, face: Face) -> None:
    name = world.fresh("person")
    back = host_logins.Browser(name).log_in(world)
    assert (back["state"], back["iss"]) == ("state of the host", server_of(world))
    answer = exchange(world, back["code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert found.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    caller = Caller(world.http, found["access_token"])
    assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    assert world.ask("GET", f"users/{name}")["source"] == "external"


def test_a_refresh_token_is_passed_on_and_rotated(world: World) -> None:
    first = exchange(world, host_logins.Browser().log_in(world)["code"]).json()
    form = {"grant_type": "refresh_token", "client_id": "mcp-host", "refresh_token": first["refresh_token"]}
    answer = world.http.post("/oauth/hosts/login/token", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["access_token"] != first["access_token"]
    again = world.http.post("/oauth/hosts/login/token", data=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    wrong = world.http.post("/oauth/hosts/login/token", data=form | {"scope": "admin"})
    assert wrong.json()["error"] == "invalid_scope"


def test_opaque_tokens_are_passed_on_as_well(world: World) -> None:
    url = world.rig.client_url
    with oidc_provider(resource=f"{url}/mcp", format="opaque") as opaque:
        client = host_logins.registered(opaque, f"{server_of(world, 'opaque')}/callback")
        secret = world.rig.directory / "opaque-secret"
        secret.write_text(client["client_secret"])
        client_of = {"client_id": client["client_id"], "client_secret": f"file://{secret}"}
        body = {
            "url": opaque,
            "audiences": [f"{url}/mcp"],
            "group_prefix": "opaque.",
            "private_addresses": True,
            "key_source": "introspection",
            "user_claims": ["sub"],
            "creates_users": True,
            "scopes": ["read"],
            **client_of,
            **{f"host_{name}": value for name, value in client_of.items()},
        }
        world.ask("PUT", "issuers/opaque", body)
        browser = host_logins.Browser("someone-opaque")
        back = query_of(browser.follow(browser.decide(authorize_url(world, "opaque")), REDIRECT))
        token = exchange(world, back["code"], name="opaque").json()["access_token"]
        assert token.count(".") == 0
        assert Caller(world.http, token).names(FACES[0]) == []
        world.ask("DELETE", "issuers/opaque")


def test_nothing_of_the_provider_is_kept(world: World) -> None:
    found = exchange(world, host_logins.Browser().log_in(world)["code"]).json()
    (accepted, *_) = world.events(action="session:host-login:accept")
    assert accepted["details"] == {"redirect": "http://127.0.0.1:3999"}
    assert accepted["resource"]["name"] == "login"
    files = [file for file in world.rig.data_dir.rglob("*") if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files) + world.log_text().encode()
    assert b"host-login" in kept
    for secret in (found["access_token"], found["refresh_token"], host_logins.VERIFIER):
        assert secret.encode() not in kept
    assert re.search(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ", kept) is None


class SdkHost:
    """The OAuth client of the SDK, whose person logs in at the provider; `pages` are those that it has opened."""

    def __init__(self, name: str) -> None:
        self.pages: list[str] = []
        self._name = name

    def auth(self, url: str) -> OAuthClientProvider:
        wanted = OAuthClientMetadata(
            client_name="A host", redirect_uris=[AnyUrl(REDIRECT)], token_endpoint_auth_method="none"
        )
        return OAuthClientProvider(url, wanted, Storage(), self._open, self._wait)

    async def _open(self, page: str) -> None:
        self.pages.append(page)

    async def _wait(self) -> AuthorizationCodeResult:
        query = await asyncio.to_thread(self._walk)
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query.get("iss"))

    def _walk(self) -> dict[str, str]:
        browser = host_logins.Browser(self._name)
        return query_of(browser.follow(browser.decide(self.pages[-1]), REDIRECT))


async def sdk_calls(world: World, host: SdkHost, mode: str, between: Callable[[], object]) -> list[str]:
    """Call a tool twice, with something in between, and return both texts."""
    url = f"{world.rig.client_url}/mcp"
    async with (
        httpx2.AsyncClient(auth=host.auth(url), timeout=PATIENCE, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        first: Any = await client.call_tool("tools__echo", {"text": "hello"})
        await asyncio.to_thread(between)
        second: Any = await client.call_tool("tools__echo", {"text": "again"})
    return [first.content[0].text, second.content[0].text]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_client_of_the_sdk_registers_itself_here_and_calls_a_tool(world: World, mode: str) -> None:
    """It refuses an answer whose `iss` is not the issuer of the metadata."""
    host = SdkHost(world.fresh("person"))
    texts = asyncio.run(asyncio.wait_for(sdk_calls(world, host, mode, lambda: None), PATIENCE))
    assert texts == ["hello", "again"]
    (page,) = host.pages
    assert page.startswith(f"{server_of(world)}/authorize?")


def test_a_host_that_lacks_a_scope_logs_in_again_for_it(world: World, trusted: dict[str, Any]) -> None:
    host = SdkHost(world.fresh("person"))

    def demand_more() -> None:
        world.ask("PATCH", "issuers/login", {"scopes": ["read", "write"]})

    texts = asyncio.run(asyncio.wait_for(sdk_calls(world, host, "auto", demand_more), PATIENCE))
    assert texts == ["hello", "again"]
    assert [{"read", "write"} <= {*query_of(page)["scope"].split()} for page in host.pages] == [False, True]
    world.ask("PUT", "issuers/login", trusted)


def test_listed_redirects_are_used_and_a_refusal_is_passed_on(world: World) -> None:
    browser = host_logins.Browser()
    for uri in (CURSOR, VSCODE, "http://localhost:6274/oauth/callback?x=1"):
        back = browser.log_in(world, uri, redirect_uri=uri)
        assert exchange(world, back["code"], redirect_uri=uri).status_code == 200, uri
    denied = browser.decide(authorize_url(world, redirect_uri=CURSOR), "deny")
    assert denied.startswith(f"{CURSOR}?error=access_denied&state=state+of+the+host&iss=")
    assert httpx.URL(denied).scheme == "cursor"
