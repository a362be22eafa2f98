"""Against pytest-iam, a second authorization server by others: no document about the MCP, and no device flow."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import AuthorizationError, GrantDeadError
from ambassador_server.ports.authorization import Registration, ServerMetadata
from tests.server.downstream.authorization.iam_provider import iam_provider
from tests.server.downstream.authorization.oidc_provider import Browser
from tests.server.downstream.authorization.support import NEEDS, US


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """Yield its URL."""
    with iam_provider() as url:
        yield url


@pytest.fixture
async def server(client: DownstreamOAuthClient, base: str) -> ServerMetadata:
    return await client.discover(f"{base}/mcp", NEEDS)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_user_connects_refreshes_and_disconnects(
    client: DownstreamOAuthClient, server: ServerMetadata, method: str
):
    registration = await client.register(replace(server, token_auth_methods=(method,)), NEEDS, US)
    assert registration.auth_method == method
    request = client.authorize(server, registration, scopes=("profile",))
    async with Browser() as browser:
        parameters = await browser.callback(request.url, US.redirect_uri)
    assert parameters["iss"] == server.issuer
    tokens = await client.finish(server, registration, request, parameters)
    assert tokens.scopes == ("profile",)
    with pytest.raises(GrantDeadError):
        await client.finish(server, registration, request, parameters)
    newer = await client.refresh(server, registration, tokens)
    assert newer.access_token != tokens.access_token
    if method == "none":
        # This server revokes nothing for clients without a secret.
        with pytest.raises(AuthorizationError) as refused:
            await client.revoke(server, registration, newer)
        assert type(refused.value) is AuthorizationError
        return
    assert await client.revoke(server, registration, newer)
    with pytest.raises(GrantDeadError):
        await client.refresh(server, registration, newer)


async def test_a_server_that_demands_a_nonce_gets_one(client: DownstreamOAuthClient, server: ServerMetadata):
    registration = await client.register(server, NEEDS, US)
    request = client.authorize(server, registration, scopes=("openid", "profile"))
    async with Browser() as browser:
        parameters = await browser.callback(request.url, US.redirect_uri)
    assert (await client.finish(server, registration, request, parameters)).scopes == ("openid", "profile")


async def test_a_forgotten_client_is_noticed(client: DownstreamOAuthClient, server: ServerMetadata):
    registration = await client.register(server, NEEDS, US)
    assert await client.is_registered(server, registration)
    assert not await client.is_registered(server, replace(registration, client_id="forgotten"))
    assert not await client.is_registered(server, replace(registration, client_secret="wrong"))


async def test_a_server_without_a_device_flow_says_so(client: DownstreamOAuthClient, server: ServerMetadata):
    registration: Registration = await client.register(server, NEEDS, US)
    with pytest.raises(AuthorizationError, match="no device flow"):
        await client.start_device(server, registration, scopes=())
