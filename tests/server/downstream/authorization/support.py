"""What several tests do with the OAuth client: discover, register, and let a user consent without a browser."""

import secrets
from collections.abc import Mapping

import aiohttp
from yarl import URL

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.ports.authorization import (
    AuthorizationRequest,
    ClientDescription,
    Registration,
    RegistrationKind,
    ServerMetadata,
    Tokens,
)
from tests.fakes.authorization_server import FakeAuthorizationServer

NEEDS = OAuthNeeds(private_addresses=True)
US = ClientDescription(name="MCP Ambassador", redirect_uri="https://us.example/oauth/callback")
DOCUMENT = "https://us.example/oauth/client-metadata"


async def known(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, needs: OAuthNeeds = NEEDS
) -> tuple[ServerMetadata, Registration]:
    """Return the server and our registration with it."""
    server = await client.discover(fake.mcp, needs)
    return server, await client.register(server, needs, US)


async def callback_of(request: AuthorizationRequest) -> Mapping[str, str]:
    """Open the URL as a browser whose user consents at once, and return the parameters of the callback."""
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(URL(request.url, encoded=True), allow_redirects=False) as page,
    ):
        assert page.status == 302, await page.text()
        return dict(URL(page.headers["Location"]).query)


async def connected(
    client: DownstreamOAuthClient, server: ServerMetadata, registration: Registration, *scopes: str
) -> Tokens:
    """Return the tokens of a user who has consented."""
    request = client.authorize(server, registration, scopes=scopes)
    return await client.finish(server, registration, request, await callback_of(request))


def declared(server: ServerMetadata, *, secret: str | None = None, method: str = "none") -> Registration:
    """Return a client that is known to the server by other means."""
    return Registration(
        kind=RegistrationKind.DECLARED,
        issuer=server.issuer,
        client_id=f"client-{secrets.token_hex(4)}",
        client_secret=secret,
        auth_method=method,
        redirect_uri=US.redirect_uri,
    )
