"""Whatever a server answers, in whatever place, leads to a known error that shows none of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import uvloop
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambassador_server.downstream.authorization.code_flow import authorize, read_callback
from ambassador_server.downstream.authorization.metadata import read_resource, read_server, server_metadata
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.downstream.authorization.token_endpoint import read_tokens
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    RegistrationRefusedError,
    UntrustedMetadataError,
)
from ambassador_server.guarded_http.requests import LARGEST_BODY, GuardedHttp
from ambassador_server.ports.authorization import DeviceCode, ServerMetadata, Tokens
from tests.fakes.authorization_server import (
    OPENID,
    RESOURCE,
    SERVER,
    Behaviour,
    FakeAuthorizationServer,
    answer,
    authorization_server,
)
from tests.fakes.clock import START, ManualClock
from tests.patience import PATIENCE
from tests.server.downstream.authorization.support import NEEDS, US, declared, known

MARK = "text-that-must-not-be-shown"
MCP = "https://mcp.example/mcp"


async def _huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(3 * LARGEST_BODY // 65536):
        await response.write(MARK.encode().ljust(65536))
    return response


async def _hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("the event is never set")


async def _break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(MARK.encode())
    assert request.transport is not None
    request.transport.close()
    return response


FAULTS: dict[str, Behaviour] = {
    "huge": _huge,
    "hanging": _hang,
    "broken off": _break_off,
    "html": answer(f"<html>{MARK}</html>", kind="text/html"),
    "redirect": answer(MARK, 307, headers={"Location": "http://169.254.169.254/"}),
    "redirect to itself": answer(MARK, 302, headers={"Location": "?again"}),
    "failing": answer(MARK, 500),
    "busy": answer(MARK, 503, headers={"Retry-After": "1"}),
    "limited": answer({"error": MARK}, 429),
    "empty": answer(""),
    "other json": answer([MARK]),
}
Use = Callable[[DownstreamOAuthClient, FakeAuthorizationServer], Awaitable[object]]
TOKENS = Tokens(access_token="access-secret", refresh_token="refresh-secret")
DEVICE = DeviceCode(
    device_code="device-secret",
    user_code="u",
    verification_uri="https://x",
    expires_at=START + timedelta(hours=1),
)


async def _refresh(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> object:
    return await client.refresh(*await known(client, fake), TOKENS)


async def _revoke(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> object:
    return await client.revoke(*await known(client, fake), TOKENS)


async def _start_device(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> object:
    return await client.start_device(*await known(client, fake), scopes=())


async def _poll_device(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> object:
    server, registration = await known(client, fake)
    return await client.poll_device(server, registration, DEVICE)


USES: dict[str, tuple[str, Use]] = {
    "discover": (SERVER, lambda client, fake: client.discover(fake.mcp, NEEDS)),
    "register": ("/register", known),
    "refresh": ("/token", _refresh),
    "revoke": ("/revoke", _revoke),
    "start device": ("/device", _start_device),
    "poll device": ("/token", _poll_device),
}
# A revocation has no body that could be wrong.
ACCEPTED = {("revoke", "html"), ("revoke", "empty"), ("revoke", "other json")}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_in_any_place_is_told_without_its_text(
    fake: FakeAuthorizationServer, clock: ManualClock, use: str, fault: str
):
    client = DownstreamOAuthClient(GuardedHttp(seconds=1.0 if fault == "hanging" else PATIENCE), clock)
    path, run = USES[use]
    del fake.documents[f"{RESOURCE}/mcp"]
    fake.script(path, *[FAULTS[fault]] * 2)
    fake.script(OPENID, *[FAULTS[fault]] * 2)
    if (use, fault) in ACCEPTED:
        await run(client, fake)
        return
    with pytest.raises((AuthorizationServerUnavailableError, RegistrationRefusedError)) as caught:
        await run(client, fake)
    shown = f"{caught.value!r} {caught.value.message}"
    for secret in (MARK, "access-secret", "refresh-secret", "device-secret", "se cret"):
        assert secret not in shown


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def changed(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy that replaces members of a valid document with anything."""
    return st.dictionaries(st.sampled_from(sorted(document)), json, max_size=4).map(
        lambda some: document | some
    )


VALID_RESOURCE = {
    "resource": MCP,
    "authorization_servers": ["https://as.example"],
    "scopes_supported": ["read"],
}
VALID_SERVER = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "registration_endpoint": "https://as.example/register",
    "scopes_supported": ["read"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none"],
    "authorization_response_iss_parameter_supported": True,
}
VALID_TOKENS = {
    "access_token": "a",
    "token_type": "Bearer",
    "refresh_token": "r",
    "expires_in": 3600,
    "scope": "read write",
}


@given(changed(VALID_RESOURCE), changed(VALID_SERVER))
def test_any_documents_give_checked_metadata_or_are_refused(resource: dict[str, Any], server: dict[str, Any]):
    try:
        about, found = read_resource(resource, MCP, NEEDS), read_server(server)
        if found is None:
            return
        metadata = server_metadata(MCP, NEEDS, about, found, found_at="https://as.example")
    except UntrustedMetadataError:
        return
    assert metadata.token_endpoint.startswith("https://") or "127.0.0.1" in metadata.token_endpoint
    assert metadata.resource is not None
    assert metadata.resource.startswith("https://mcp.example")


@given(changed(VALID_TOKENS))
def test_any_answer_gives_tokens_that_fit_into_a_header_or_is_refused(body: dict[str, Any]):
    try:
        tokens = read_tokens(body, START, before=Tokens(access_token="", scopes=("old",)))
    except AuthorizationServerUnavailableError:
        return
    for token in (tokens.access_token, tokens.refresh_token or "x"):
        assert token.isascii()
        assert token.isprintable()
        assert " " not in token
    assert tokens.expires_at is None or tokens.expires_at >= START
    assert tokens.scopes


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["code", "state", "iss", "error", "error_description", "error_uri", "x"]),
        st.text() | st.sampled_from([MARK, "https://as.example", "STATE", "access_denied", "server_error"]),
    )
)
def test_any_callback_gives_its_code_or_is_refused_without_its_text(parameters: dict[str, str]):
    server = ServerMetadata(
        issuer="https://as.example",
        authorization_endpoint="https://as.example/authorize",
        token_endpoint="https://as.example/token",
        sends_issuer=True,
    )
    request = authorize(server, declared(server), ())
    if parameters.get("state") == "STATE":
        parameters = parameters | {"state": request.state}
    right = {"state": request.state, "iss": server.issuer}
    if right.items() <= parameters.items() and "error" not in parameters and parameters.get("code"):
        assert read_callback(server, request, parameters) == parameters["code"]
        return
    with pytest.raises(AuthorizationError) as caught:
        read_callback(server, request, parameters)
    assert MARK not in caught.value.message


def test_the_checks_hold_on_the_event_loop_of_the_server():
    """The server runs on uvloop, which connects sockets in its own way."""

    async def run() -> None:
        client = DownstreamOAuthClient(GuardedHttp(), ManualClock())
        async with authorization_server() as fake:
            server = await client.discover(fake.mcp, NEEDS)
            assert (await client.register(server, NEEDS, US)).client_id in fake.clients
            with pytest.raises(AuthorizationServerUnavailableError, match="may not be dialled"):
                await GuardedHttp().get(fake.base.replace("http:", "https:"), private=False)

    uvloop.run(run())
