"""How the client authenticates, what it sends in each flow, and what the answers mean for a grant."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationError,
    AuthorizationServerUnavailableError,
    GrantDeadError,
    IssuerMismatchError,
    RegistrationDeadError,
    ScopeRefusedError,
)
from ambassador_server.ports.authorization import (
    DeviceCode,
    IdentityToken,
    Registration,
    ServerMetadata,
    Tokens,
)
from tests.fakes.authorization_server import DESCRIPTION, FakeAuthorizationServer, answer, refuse
from tests.fakes.clock import START, ManualClock
from tests.server.downstream.authorization.support import NEEDS, US, connected, declared, known

OLD = Tokens(access_token="old-access", refresh_token="old-refresh", scopes=("read",))
SECRET = "a b:c%+&ä"


async def server_of(client: DownstreamOAuthClient, fake: FakeAuthorizationServer) -> ServerMetadata:
    return (await known(client, fake))[0]


async def test_a_secret_in_a_header_is_encoded_as_the_standard_says(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server = await server_of(client, fake)
    registration = replace(declared(server, secret=SECRET, method="client_secret_basic"), client_id="id:1 %")
    fake.script("/token", answer({"access_token": "t", "token_type": "Bearer"}))
    await client.refresh(server, registration, OLD)
    sent = fake.sent_to("/token")[0]
    decoded = base64.b64decode(sent.headers["Authorization"].removeprefix("Basic ")).decode()
    assert decoded == "id%3A1%20%25:a%20b%3Ac%25%2B%26%C3%A4"
    assert sent.form == {"grant_type": "refresh_token", "refresh_token": "old-refresh", "resource": fake.mcp}


async def test_a_secret_in_the_body_is_not_in_a_header_too(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server = await server_of(client, fake)
    registration = declared(server, secret=SECRET, method="client_secret_post")
    fake.script("/token", answer({"access_token": "t", "token_type": "Bearer"}))
    await client.refresh(server, registration, OLD)
    sent = fake.sent_to("/token")[0]
    assert "Authorization" not in sent.headers
    assert (sent.form["client_id"], sent.form["client_secret"]) == (registration.client_id, SECRET)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_every_authentication_works_from_registration_to_revocation(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, method: str
):
    fake.server["token_endpoint_auth_methods_supported"] = [method]
    server, registration = await known(client, fake)
    tokens = await connected(client, server, registration, "read")
    newer = await client.refresh(server, registration, tokens)
    assert newer.access_token != tokens.access_token
    assert await client.revoke(server, registration, newer)
    assert fake.revoked == [newer.refresh_token, newer.access_token]


async def test_a_declared_client_of_an_unknown_server_tries_the_other_authentication(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server = replace(await server_of(client, fake), token_auth_methods=())
    registration = declared(server, secret=SECRET, method="client_secret_basic")
    fake.clients[registration.client_id] = {
        "token_endpoint_auth_method": "client_secret_post",
        "client_secret": SECRET,
    }
    assert (await client.service_tokens(server, registration, scopes=())).access_token
    assert len(fake.sent_to("/token")) == 2
    known_methods = replace(server, token_auth_methods=("client_secret_basic",))
    with pytest.raises(RegistrationDeadError):
        await client.service_tokens(known_methods, registration, scopes=())


async def test_a_client_of_another_issuer_is_never_sent(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server = await server_of(client, fake)
    with pytest.raises(IssuerMismatchError):
        await client.refresh(server, replace(declared(server), issuer="https://other.example"), OLD)
    assert fake.sent_to("/token") == []


async def test_a_refresh_takes_the_new_token_and_keeps_the_old_one_where_none_comes(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    tokens = await connected(client, server, registration, "read", "write")
    rotated = await client.refresh(server, registration, tokens)
    assert rotated.refresh_token not in (None, tokens.refresh_token)
    fake.rotates = False
    kept = await client.refresh(server, registration, rotated)
    assert kept.refresh_token == rotated.refresh_token
    assert kept.access_token != rotated.access_token
    assert kept.expires_at == START + timedelta(hours=1)


async def test_a_refresh_keeps_the_scopes_unless_the_server_says_otherwise(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    tokens = await connected(client, server, registration, "read", "write")
    fake.script(
        "/token",
        answer({"access_token": "t", "token_type": "Bearer"}),
        answer({"access_token": "t", "token_type": "Bearer", "scope": "read"}),
    )
    assert (await client.refresh(server, registration, tokens)).scopes == ("read", "write")
    assert (await client.refresh(server, registration, tokens)).scopes == ("read",)
    assert "scope" not in fake.sent_to("/token")[-1].form


async def test_without_a_refresh_token_nothing_is_sent(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    with pytest.raises(GrantDeadError):
        await client.refresh(server, registration, Tokens(access_token="t"))
    assert fake.sent_to("/token") == []


Flow = Callable[[DownstreamOAuthClient, ServerMetadata, Registration], Awaitable[object]]
DEVICE = DeviceCode(
    device_code="d",
    user_code="u",
    verification_uri="https://as.example",
    expires_at=START + timedelta(hours=1),
)
IDENTITY = IdentityToken(token="id-token", subject="subject-1")
FLOWS: dict[str, Flow] = {
    "refresh": lambda client, server, us: client.refresh(server, us, OLD),
    "service account": lambda client, server, us: client.service_tokens(server, us, scopes=()),
    "device": lambda client, server, us: client.poll_device(server, us, DEVICE),
    "assertion": lambda client, server, us: client.present_assertion(server, us, "jwt", scopes=()),
    "identity": lambda client, server, us: client.identity_assertion(
        server, us, IDENTITY, server, client_id="us", scopes=()
    ),
}
MEANINGS = [
    (refuse("invalid_grant"), GrantDeadError),
    (refuse("invalid_grant", 401), GrantDeadError),
    (refuse("bad_refresh_token", 200), GrantDeadError),
    (refuse("invalid_client", 401), RegistrationDeadError),
    (refuse("invalid_client", 400), RegistrationDeadError),
    (answer("{}", 401), RegistrationDeadError),
    (answer("client not found", 422, "text/plain"), RegistrationDeadError),
    (answer({"code": 422, "msg": "unknown"}, 422), RegistrationDeadError),
    (refuse("invalid_scope"), ScopeRefusedError),
    (refuse("access_denied"), AuthorizationDeniedError),
    (refuse("unauthorized_client"), AuthorizationDeniedError),
    (refuse("invalid_target"), AuthorizationDeniedError),
    (refuse("invalid_request"), AuthorizationError),
    (refuse("invalid_grant", 500), AuthorizationServerUnavailableError),
    (refuse("invalid_grant", 503), AuthorizationServerUnavailableError),
    (refuse("invalid_client", 429), AuthorizationServerUnavailableError),
    (refuse("temporarily_unavailable"), AuthorizationServerUnavailableError),
    (answer("<html>Sign in</html>", 200, "text/html"), AuthorizationServerUnavailableError),
    (answer("<html>Bad gateway</html>", 400, "text/html"), AuthorizationServerUnavailableError),
    (answer({"error": {"message": "invalid_grant"}}, 400), AuthorizationServerUnavailableError),
    (answer("", 302, headers={"Location": "http://127.0.0.1/"}), AuthorizationServerUnavailableError),
    (answer({"error": ""}, 200), AuthorizationServerUnavailableError),
]


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("number", range(len(MEANINGS)))
async def test_every_flow_understands_a_refusal_alike(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, flow: str, number: int
):
    """Only what says that the grant is dead ends it; a server that fails, or a page for people, does not."""
    behaviour, kind = MEANINGS[number]
    server, registration = await known(client, fake)
    fake.script("/token", behaviour)
    with pytest.raises(kind) as caught:
        await FLOWS[flow](client, server, registration)
    assert type(caught.value) is kind
    assert DESCRIPTION not in caught.value.message
    for secret in (OLD.access_token, OLD.refresh_token, registration.client_secret):
        assert str(secret) not in f"{caught.value!r} {caught.value.message}"


async def test_a_registration_that_the_server_has_forgotten_is_noticed_before_a_user_is_sent_away(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    assert await client.is_registered(server, registration)
    fake.clients.clear()
    assert not await client.is_registered(server, registration)
    fake.script("/token", answer("unprocessable", 422, "text/plain"), answer("", 503))
    assert not await client.is_registered(server, registration)
    with pytest.raises(AuthorizationServerUnavailableError):
        await client.is_registered(server, registration)
    again = await client.register(server, NEEDS, US)
    assert await client.is_registered(server, again)


async def test_a_revocation_that_is_refused_is_an_error_and_one_that_is_not_offered_is_none(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    fake.script("/revoke", answer("", 503))
    with pytest.raises(AuthorizationServerUnavailableError):
        await client.revoke(server, registration, OLD)
    assert not await client.revoke(replace(server, revocation_endpoint=None), registration, OLD)
    fake.script("/revoke", answer(""), refuse("unsupported_token_type"))
    assert await client.revoke(server, registration, OLD)


async def test_a_service_account_asks_with_scopes_and_resource(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    tokens = await client.service_tokens(server, registration, scopes=("read", "write"))
    assert fake.sent_to("/token")[0].form == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "resource": fake.mcp,
    }
    assert tokens.scopes == ("read", "write")


async def test_a_device_flow_waits_slows_down_and_ends_with_tokens(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    device = await client.start_device(server, registration, scopes=("read",))
    assert (device.user_code, device.interval) == ("WDJB-MJHT", 5)
    assert device.expires_at == START + timedelta(minutes=10)
    assert fake.sent_to("/device")[0].form == {"scope": "read", "resource": fake.mcp}
    fake.device_answers = ["authorization_pending", "slow_down", "slow_down"]
    pending = await client.poll_device(server, registration, device)
    assert pending == device
    slower = await client.poll_device(server, registration, device)
    assert isinstance(slower, DeviceCode)
    assert slower.interval == 10
    slowest = await client.poll_device(server, registration, slower)
    assert isinstance(slowest, DeviceCode)
    assert slowest.interval == 15
    tokens = await client.poll_device(server, registration, slowest)
    assert isinstance(tokens, Tokens)
    assert tokens.scopes == ("read",)


@pytest.mark.parametrize(
    ("code", "kind"), [("access_denied", AuthorizationDeniedError), ("expired_token", GrantDeadError)]
)
async def test_a_device_flow_that_was_denied_or_has_expired_ends(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, code: str, kind: type[AuthorizationError]
):
    server, registration = await known(client, fake)
    fake.device_answers = [code]
    with pytest.raises(kind):
        await client.poll_device(server, registration, DEVICE)


async def test_an_expired_device_code_is_not_sent(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, clock: ManualClock
):
    server, registration = await known(client, fake)
    clock.advance(3600)
    with pytest.raises(GrantDeadError):
        await client.poll_device(server, registration, DEVICE)
    assert fake.sent_to("/token") == []


@pytest.mark.parametrize(
    "change",
    [
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://as.example/"},
        {"verification_uri": None},
        {"verification_uri_complete": "file:///etc/passwd"},
        {"user_code": ""},
        {"user_code": "a\x1b[2J"},
        {"user_code": 5},
        {"user_code": "x" * 100},
        {"device_code": ""},
    ],
)
async def test_a_device_code_that_would_deceive_a_user_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, change: dict[str, object]
):
    server, registration = await known(client, fake)
    fake.script("/device", answer(fake._device() | change))
    with pytest.raises(AuthorizationError):
        await client.start_device(server, registration, scopes=())


@pytest.mark.parametrize(
    ("given", "expires", "interval"),
    [
        ({}, 3600, 5),
        ({"expires_in": 10**20, "interval": 10**20}, 3600, 300),
        ({"expires_in": -5, "interval": 0}, 1, 1),
        ({"expires_in": "x", "interval": True}, 3600, 5),
    ],
)
async def test_the_times_of_a_device_flow_are_bounded(
    client: DownstreamOAuthClient,
    fake: FakeAuthorizationServer,
    given: dict[str, object],
    expires: int,
    interval: int,
):
    server, registration = await known(client, fake)
    body = {key: value for key, value in fake._device().items() if key not in ("expires_in", "interval")}
    fake.script("/device", answer(body | given))
    device = await client.start_device(server, registration, scopes=())
    assert (device.expires_at, device.interval) == (START + timedelta(seconds=expires), interval)


async def test_a_server_without_a_device_flow_is_an_error(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    with pytest.raises(AuthorizationError):
        await client.start_device(replace(server, device_endpoint=None), registration, scopes=())


@pytest.mark.parametrize(
    ("resource", "sent"), [("send", "{mcp}"), ("omit", None), ("api://other", "api://other")]
)
async def test_every_request_has_the_resource_as_declared_also_for_a_declared_client(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, resource: str, sent: str | None
):
    """Some servers refuse the parameter, and some want another value: neither may depend on how we became a client."""
    needs = replace(NEEDS, resource=resource, client_id="declared")
    fake.clients["declared"] = {"token_endpoint_auth_method": "none"}
    server, registration = await known(client, fake, needs)
    tokens = await connected(client, server, registration, "read")
    await client.refresh(server, registration, tokens)
    device = await client.start_device(server, registration, scopes=())
    await client.poll_device(server, registration, device)
    await client.service_tokens(server, registration, scopes=())
    parameters = [dict(seen.query) for seen in fake.sent_to("/authorize")]
    parameters += [seen.form for seen in fake.sent_to("/token") + fake.sent_to("/device")]
    assert len(parameters) == 6
    assert {each.get("resource") for each in parameters} == {sent and sent.format(mcp=fake.mcp)}


async def test_the_redirect_is_the_registered_one_in_every_request(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """It comes from the configuration, through the registration, and never from a request to this server."""
    server, registration = await known(client, fake)
    await connected(client, server, registration, "read")
    (registered,), (asked,), (exchanged,) = map(fake.sent_to, ("/register", "/authorize", "/token"))
    assert registered.json["redirect_uris"] == [US.redirect_uri]
    assert asked.query["redirect_uri"] == exchanged.form["redirect_uri"] == US.redirect_uri
