"""Against oidc-provider: JWTs for one resource, rotation that ends a family, registration, documents, devices."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import aiohttp
import pytest

from ambassador_server.domain.catalog.credential_needs import GrantType
from ambassador_server.downstream.authorization.client_registration import client_document
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import (
    AuthorizationDeniedError,
    GrantDeadError,
    RegistrationDeadError,
    ScopeRefusedError,
    StepUpNeededError,
)
from ambassador_server.ports.authorization import (
    Challenge,
    ClientDescription,
    DeviceCode,
    Registration,
    RegistrationKind,
    ServerMetadata,
    Tokens,
)
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider
from tests.server.downstream.authorization.support import DOCUMENT, NEEDS, US

DESCRIBED = replace(US, document_url=DOCUMENT)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with oidc_provider(json.loads(client_document(DESCRIBED))) as url:
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as opened:
        yield opened


@pytest.fixture
async def server(client: DownstreamOAuthClient, base: str) -> ServerMetadata:
    return await client.discover(f"{base}/mcp", NEEDS)


@pytest.fixture
async def registration(client: DownstreamOAuthClient, server: ServerMetadata) -> Registration:
    return await client.register(server, NEEDS, US)


async def consent(
    client: DownstreamOAuthClient,
    browser: Browser,
    server: ServerMetadata,
    registration: Registration,
    *scopes: str,
) -> Tokens:
    request = client.authorize(server, registration, scopes=scopes)
    parameters = await browser.callback(request.url, registration.redirect_uri)
    return await client.finish(server, registration, request, parameters)


def claims(tokens: Tokens) -> dict[str, object]:
    payload = tokens.access_token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


async def test_a_user_gets_a_token_for_the_mcp_alone(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    tokens = await consent(client, browser, server, registration, "read", "write")
    assert claims(tokens)["aud"] == server.resource
    assert claims(tokens)["scope"] == "read write"
    assert claims(tokens)["sub"] == "alice"
    assert tokens.scopes == ("read", "write")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_each_authentication_is_negotiated_and_accepted(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, method: str
):
    registration = await client.register(replace(server, token_auth_methods=(method,)), NEEDS, US)
    assert registration.auth_method == method
    tokens = await consent(client, browser, server, registration, "read")
    assert (await client.refresh(server, registration, tokens)).access_token != tokens.access_token


async def test_a_refresh_token_that_was_used_twice_ends_the_grant(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    """So two servers must never refresh one grant at once: the second use of a token ends all tokens of its family."""
    tokens = await consent(client, browser, server, registration, "read")
    newer = await client.refresh(server, registration, tokens)
    assert newer.refresh_token not in (None, tokens.refresh_token)
    assert claims(newer)["aud"] == server.resource
    with pytest.raises(GrantDeadError):
        await client.refresh(server, registration, tokens)
    with pytest.raises(GrantDeadError):
        await client.refresh(server, registration, newer)


async def test_our_client_document_is_accepted_without_any_registration(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata
):
    registration = await client.register(server, NEEDS, DESCRIBED)
    assert registration.kind is RegistrationKind.DOCUMENT
    tokens = await consent(client, browser, server, registration, "read")
    assert claims(tokens)["client_id"] == DOCUMENT
    assert (await client.refresh(server, registration, tokens)).refresh_token


async def test_a_step_up_authorizes_again_for_all_scopes(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    before = await consent(client, browser, server, registration, "read")
    with pytest.raises(StepUpNeededError) as needed:
        client.check_challenge(Challenge(error="insufficient_scope", scopes=("admin",)), before.scopes)
    assert (await client.refresh(server, registration, before)).scopes == ("read",)
    after = await consent(client, browser, server, registration, *needed.value.scopes)
    assert set(after.scopes) == {"read", "admin"}


async def test_a_client_that_registered_with_few_scopes_gets_more_after_it_has_registered_again(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata
):
    narrow = replace(server, offered_scopes=("read",))
    registration = await client.register(narrow, NEEDS, US)
    with pytest.raises(ScopeRefusedError):
        await consent(client, browser, server, registration, "admin")
    again = await client.register(server, NEEDS, US)
    assert (await consent(client, browser, server, again, "admin")).scopes == ("admin",)


async def test_another_resource_is_refused_with_the_way_to_change_it(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    other = replace(server, resource="https://other.example/mcp")
    with pytest.raises(AuthorizationDeniedError, match="'resource', which can be omitted or replaced"):
        await consent(client, browser, other, registration, "read")


async def test_without_a_resource_the_server_issues_a_token_of_its_own_kind(
    client: DownstreamOAuthClient, browser: Browser, base: str
):
    server = await client.discover(f"{base}/mcp", replace(NEEDS, resource="omit"))
    registration = await client.register(server, NEEDS, US)
    tokens = await consent(client, browser, server, registration, "openid")
    assert "." not in tokens.access_token
    assert "." not in (await client.refresh(server, registration, tokens)).access_token


async def test_a_revoked_grant_is_dead(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    tokens = await consent(client, browser, server, registration, "read")
    assert await client.revoke(server, registration, tokens)
    with pytest.raises(GrantDeadError):
        await client.refresh(server, registration, tokens)


async def test_a_client_that_the_server_has_forgotten_registers_again(
    client: DownstreamOAuthClient,
    browser: Browser,
    server: ServerMetadata,
    registration: Registration,
    base: str,
):
    tokens = await consent(client, browser, server, registration, "read")
    assert await client.is_registered(server, registration)
    async with aiohttp.ClientSession() as session, session.get(f"{base}/forget/{registration.client_id}"):
        pass
    assert not await client.is_registered(server, registration)
    with pytest.raises(RegistrationDeadError):
        await client.refresh(server, registration, tokens)
    again = await client.register(server, NEEDS, US)
    assert await client.is_registered(server, again)
    assert await consent(client, browser, server, again, "read")


async def test_a_public_client_that_the_server_has_forgotten_is_noticed_too(
    client: DownstreamOAuthClient, server: ServerMetadata
):
    registration = await client.register(replace(server, token_auth_methods=("none",)), NEEDS, US)
    assert await client.is_registered(server, registration)
    assert not await client.is_registered(server, replace(registration, client_id="forgotten"))


async def test_a_user_consents_on_another_device(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata, registration: Registration
):
    device = await client.start_device(server, registration, scopes=("read",))
    pending = await client.poll_device(server, registration, device)
    assert isinstance(pending, DeviceCode)
    await browser.enter_code(device.verification_uri_complete or "")
    tokens = await client.poll_device(server, registration, pending)
    assert isinstance(tokens, Tokens)
    assert claims(tokens)["aud"] == server.resource
    assert (await client.refresh(server, registration, tokens)).scopes == ("read",)
    with pytest.raises(GrantDeadError):
        await client.poll_device(server, registration, device)


async def test_a_service_account_gets_a_token_of_its_own(client: DownstreamOAuthClient, base: str):
    needs = replace(NEEDS, grant=GrantType.SERVICE_ACCOUNT)
    server = await client.discover(f"{base}/mcp", needs)
    registration = await client.register(server, needs, US)
    tokens = await client.service_tokens(server, registration, scopes=("read",))
    assert claims(tokens)["sub"] == registration.client_id
    assert (tokens.scopes, tokens.refresh_token) == (("read",), None)


async def test_a_native_client_may_come_back_to_any_port_of_its_machine(
    client: DownstreamOAuthClient, browser: Browser, server: ServerMetadata
):
    here = ClientDescription(name="MCP Ambassador", redirect_uri="http://127.0.0.1:8443/oauth/callback")
    registration = await client.register(server, NEEDS, here)
    moved = replace(registration, redirect_uri="http://127.0.0.1:9999/oauth/callback")
    assert await consent(client, browser, server, registration, "read")
    assert await consent(client, browser, server, moved, "read")
