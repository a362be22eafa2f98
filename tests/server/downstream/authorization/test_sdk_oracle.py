"""The OAuth client of the MCP SDK, against the same server, sends the same requests as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl
from yarl import URL

from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import StepUpNeededError
from ambassador_server.ports.authorization import ServerMetadata
from tests.fakes.authorization_server import FakeAuthorizationServer, answer
from tests.server.downstream.authorization.support import NEEDS, US, callback_of, declared

RANDOM = {"state", "code_challenge", "client_id", "code", "code_verifier", "refresh_token"}


class Storage:
    """Keeps what the SDK has learned."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def sdk_client(fake: FakeAuthorizationServer) -> OAuthClientProvider:
    """Return the SDK's client, whose user consents to everything."""
    pages: list[str] = []

    async def open_page(url: str) -> None:
        pages.append(url)

    async def wait_for_callback() -> AuthorizationCodeResult:
        async with httpx2.AsyncClient(follow_redirects=False) as browser:
            location = (await browser.get(pages[-1])).headers["Location"]
        query = URL(location).query
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])

    return OAuthClientProvider(
        fake.mcp,
        OAuthClientMetadata(
            client_name="MCP Ambassador",
            redirect_uris=[AnyUrl(US.redirect_uri)],
            token_endpoint_auth_method="client_secret_basic",
        ),
        Storage(),
        open_page,
        wait_for_callback,
    )


async def sdk_connects(fake: FakeAuthorizationServer) -> None:
    """Let the SDK call the MCP, and once more after its token has expired."""
    provider = sdk_client(fake)
    async with httpx2.AsyncClient(auth=provider) as session:
        assert (await session.get(fake.mcp)).status_code == 200
        provider.context.token_expiry_time = 1.0
        assert (await session.get(fake.mcp)).status_code == 200


async def we_connect(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> None:
    async with httpx2.AsyncClient() as session:
        challenge = client.read_challenge((await session.get(fake.mcp)).headers["WWW-Authenticate"])
        server = await client.discover(fake.mcp, NEEDS, challenge)
        registration = await client.register(server, NEEDS, US)
        scopes = client.scopes_to_request(server, NEEDS, challenge)
        request = client.authorize(server, registration, scopes=scopes)
        tokens = await client.finish(server, registration, request, await callback_of(request))
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        assert (await session.get(fake.mcp, headers=headers)).status_code == 200
        await client.refresh(server, registration, tokens)


@contextmanager
def requests_of(fake: FakeAuthorizationServer) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """Yield a list that is filled with the documents and parameters asked for meanwhile; random values are left out."""
    start, found = len(fake.seen), list[tuple[str, dict[str, str]]]()
    yield found
    for seen in fake.seen[start:]:
        if seen.path not in ("/mcp", "/register"):
            parameters = seen.form if seen.path == "/token" else dict(seen.query)
            found.append(
                (seen.path, {name: "" if name in RANDOM else parameters[name] for name in parameters})
            )


def without_client_id(request: tuple[str, dict[str, str]]) -> tuple[str, dict[str, str]]:
    """Return a request without the client id, which the SDK repeats beside the header that authenticates the client."""
    path, parameters = request
    return path, {
        name: value for name, value in parameters.items() if path == "/authorize" or name != "client_id"
    }


async def test_the_sdk_sends_the_same_requests_to_connect_and_to_refresh(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    with requests_of(fake) as theirs:
        await sdk_connects(fake)
    with requests_of(fake) as ours:
        await we_connect(client, fake)
    assert len(ours) == 5
    assert [without_client_id(each) for each in ours] == [without_client_id(each) for each in theirs]


async def test_the_sdk_registers_with_the_same_members_but_fewer_scopes(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """The SDK asks for the demanded scope alone; ours asks for all, so that a step-up is not refused."""
    await sdk_connects(fake)
    await we_connect(client, fake)
    theirs, ours = (seen.json for seen in fake.sent_to("/register"))
    assert theirs["scope"] == "read"
    assert ours["scope"] == "read write admin"
    same = {"client_name", "redirect_uris", "token_endpoint_auth_method", "response_types"}
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}
    assert set(theirs["grant_types"]) <= set(ours["grant_types"])


async def test_the_sdk_presents_an_assertion_in_the_same_form(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    async def assertion(audience: str, resource: str) -> str:
        assert (audience, resource) == (fake.base, fake.mcp)
        return "the-assertion"

    us = declared(
        ServerMetadata(issuer=fake.base, token_endpoint=""), secret="s", method="client_secret_post"
    )
    fake.clients[us.client_id] = {"token_endpoint_auth_method": "client_secret_post", "client_secret": "s"}
    provider = IdentityAssertionOAuthProvider(
        server_url=fake.mcp,
        storage=Storage(),
        issuer=fake.base,
        client_id=us.client_id,
        client_secret="s",
        assertion_provider=assertion,
        scope="read",
    )
    async with httpx2.AsyncClient(auth=provider) as session:
        assert (await session.get(fake.mcp)).status_code == 200
    server = await client.discover(fake.mcp, NEEDS)
    await client.present_assertion(server, us, "the-assertion", scopes=("read",))
    theirs, ours = (seen.form for seen in fake.sent_to("/token"))
    assert ours == theirs


async def test_the_sdk_steps_up_to_the_same_scopes(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    demand = 'Bearer error="insufficient_scope", scope="admin"'
    async with httpx2.AsyncClient(auth=sdk_client(fake)) as session:
        assert (await session.get(fake.mcp)).status_code == 200
        fake.script("/mcp", answer("", 403, headers={"WWW-Authenticate": demand}))
        assert (await session.get(fake.mcp)).status_code == 200
    challenge = client.read_challenge(demand)
    assert challenge is not None
    with pytest.raises(StepUpNeededError) as needed:
        client.check_challenge(challenge, ("read",))
    asked = [seen.query["scope"] for seen in fake.sent_to("/authorize")]
    assert asked == ["read", " ".join(needed.value.scopes)]


async def test_the_sdk_asks_for_a_service_account_in_the_same_way(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    secret = "a b:c"
    us = declared(
        ServerMetadata(issuer=fake.base, token_endpoint=""), secret=secret, method="client_secret_basic"
    )
    fake.clients[us.client_id] = {"token_endpoint_auth_method": us.auth_method, "client_secret": secret}
    provider = ClientCredentialsOAuthProvider(
        fake.mcp, Storage(), us.client_id, secret, scope="read", issuer=fake.base
    )
    async with httpx2.AsyncClient(auth=provider) as session:
        assert (await session.get(fake.mcp)).status_code == 200
    server = await client.discover(fake.mcp, NEEDS)
    await client.service_tokens(server, us, scopes=("read",))
    theirs, ours = fake.sent_to("/token")
    assert ours.headers["Authorization"] == theirs.headers["Authorization"]
    assert ours.form == theirs.form
