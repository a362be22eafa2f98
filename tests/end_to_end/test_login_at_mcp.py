"""Hosts are told where to log in, and the OAuth client of the SDK gets in with what real providers issue."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import give_public_url
from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.test_access_tokens import token
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.downstream.authorization.iam_provider import iam_provider
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider
from tests.server.downstream.authorization.test_sdk_oracle import Storage

REDIRECT = "http://127.0.0.1:3999/callback"
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture(scope="module")
def provider(world: World) -> Iterator[str]:
    """Run an authorization server whose tokens are for this server."""
    with oidc_provider(resource=f"{world.rig.client_url}/mcp", groups=["eng"]) as url:
        yield url


@pytest.fixture
def _no_issuer_stays(world: World) -> Iterator[None]:
    yield
    for each in world.ask("GET", "issuers")["items"]:
        world.ask("DELETE", f"issuers/{each['name']}")


pytestmark = pytest.mark.usefixtures("_no_issuer_stays")


def trust(world: World, url: str, **more: Any) -> None:
    body = {
        "url": url,
        "audiences": [f"{world.rig.client_url}/mcp"],
        "group_prefix": "login.",
        "private_addresses": True,
        "user_claims": ["sub"],
        **more,
    }
    world.ask("PUT", "issuers/login", body)


def document(world: World, path: str = "") -> httpx.Response:
    return world.http.get(f"{WELL_KNOWN}{path}")


def test_without_a_public_url_or_an_issuer_there_is_no_document(world: World) -> None:
    assert document(world).status_code == 404
    trust(world, "https://login.example.com")
    missing = document(world)
    assert missing.status_code == 404
    assert "public_url" in missing.json()["hint"]
    challenge = world.http.get("/v1/tools").headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="mcp-ambassador"'


def test_documents_and_challenges_name_the_issuer_and_its_scopes(world: World) -> None:
    url = world.rig.client_url
    give_public_url(world, url)
    assert document(world).status_code == 404, "without an issuer nobody can log in"
    trust(world, "https://login.example.com", scopes=["mcp:tools"])
    expected = {
        "resource": f"{url}/mcp",
        "authorization_servers": ["https://login.example.com"],
        "scopes_supported": ["mcp:tools"],
        "bearer_methods_supported": ["header"],
    }
    for path in ("", "/mcp"):
        assert document(world, path).json() == expected
    for path in ("/other", "/mcp/", "/mcp/x", "/../mcp", "/..%2fmcp"):
        assert document(world, path).status_code == 404, path
    metadata = f'resource_metadata="{url}{WELL_KNOWN}/mcp", scope="mcp:tools"'
    for face in FACES:
        none = Caller(world.http, "wrong").send(face.listing("wrong"))
        assert none.headers["WWW-Authenticate"].endswith(f'"invalid_token", {metadata}')
    bare = world.http.post("/mcp", content=b"{}")
    assert bare.headers["WWW-Authenticate"] == f'Bearer realm="mcp-ambassador", {metadata}'
    other = {
        "url": "https://other.example.com",
        "audiences": ["a"],
        "group_prefix": "other.",
    }
    world.ask("PUT", "issuers/other", other)
    assert "scope=" not in world.http.get("/v1/tools").headers["WWW-Authenticate"]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_token_that_lacks_a_scope_is_told_which(world: World, directory: Path, face: Face) -> None:
    (directory / "shared").write_text("a secret of this module, long enough")
    fields = {
        "algorithms": ["HS256"],
        "key_source": "secret",
        "key_place": f"file://{directory / 'shared'}",
        "audiences": ["ambassador"],
        "scopes": ["mcp:tools", "mcp:read"],
        "creates_users": True,
        "user_claims": ["preferred_username"],
    }
    trust(world, "https://login.example.com/realm", **fields)
    few = token(world.fresh("user"), scope="mcp:tools")
    answer = Caller(world.http, few).send(face.listing(few))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="mcp:tools mcp:read"' in answer.headers["WWW-Authenticate"]
    enough = token(world.fresh("user"), scope="mcp:read openid mcp:tools")
    assert Caller(world.http, enough).send(face.listing(enough)).status_code == 200


def sdk_login(url: str, account: str) -> OAuthClientProvider:
    """Return the SDK's client, whose user is logged in at the provider and consents to everything."""
    pages: list[str] = []

    async def open_page(page: str) -> None:
        pages.append(page)

    async def wait_for_callback() -> AuthorizationCodeResult:
        async with Browser(account) as browser:
            query = await browser.callback(pages[-1], REDIRECT)
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query.get("iss"))

    metadata = OAuthClientMetadata(
        client_name="A host", redirect_uris=[AnyUrl(REDIRECT)], token_endpoint_auth_method="none"
    )
    return OAuthClientProvider(url, metadata, Storage(), open_page, wait_for_callback)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_client_of_the_sdk_logs_in_and_calls_a_tool(world: World, provider: str, mode: str) -> None:
    give_public_url(world, world.rig.client_url)
    group = world.group("tools")
    trust(world, provider, creates_users=True, group_map={"eng": group}, scopes=["read"])
    name, url = world.fresh("person"), f"{world.rig.client_url}/mcp"

    async def call() -> Any:
        auth = sdk_login(url, name)
        async with httpx2.AsyncClient(auth=auth, timeout=PATIENCE, trust_env=False) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode=mode) as client:
                return await client.call_tool("tools__echo", {"text": "hello"})

    result = asyncio.run(asyncio.wait_for(call(), PATIENCE))
    assert result.content[0].text == "hello"
    user = world.ask("GET", f"users/{name}")
    assert (user["source"], user["groups"]) == ("external", [])
    (accepted,) = world.events(action="session:token:accept", user=name)
    assert accepted["details"]["groups"] == 1


def test_tokens_of_pytest_iam_are_explained_and_accepted(world: World) -> None:
    """Its tokens are for the client that asked, so that this client is the audience to trust."""
    with iam_provider() as base:
        tokens, client_id = asyncio.run(_iam_tokens(base))
        trust(world, base, audiences=[client_id], creates_users=True)
        explained = world.ask("POST", "issuers/login/test", {"token": tokens["access_token"]})
        caller = Caller(world.http, tokens["access_token"])
        names = caller.names(LEGACY)
        trust(world, base, audiences=[f"{world.rig.client_url}/mcp"], creates_users=True)
        assert caller.send(LEGACY.listing(caller.secret)).status_code == 401, "it is for another server"
    assert (explained["accepted"], explained["creates_user"]) == (True, True)
    assert names == []


async def _iam_tokens(base: str) -> tuple[dict[str, Any], str]:
    """Register a client, let the user consent, and return the tokens and the name of the client."""
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    async with httpx2.AsyncClient(trust_env=False) as http, Browser() as browser:
        found = (await http.get(f"{base}/.well-known/openid-configuration")).json()
        registration = {
            "client_name": "A host",
            "redirect_uris": [REDIRECT],
            "scope": "openid profile",
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
        client = (await http.post(found["registration_endpoint"], json=registration)).json()
        query = (
            f"response_type=code&client_id={client['client_id']}&redirect_uri={REDIRECT}"
            f"&scope=openid%20profile&state=s&nonce=n&code_challenge={challenge}&code_challenge_method=S256"
        )
        back = await browser.callback(f"{found['authorization_endpoint']}?{query}", REDIRECT)
        assert "code" in back, back
        answer = await http.post(
            found["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": back["code"],
                "redirect_uri": REDIRECT,
                "code_verifier": verifier,
            },
            auth=(client["client_id"], client["client_secret"]),
        )
        return answer.json(), client["client_id"]
