"""The consent of a user: where the browser is sent, which callbacks are accepted, what a code is exchanged for."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from yarl import URL

from ambassador_server.domain.catalog.credential_needs import GrantType
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
from ambassador_server.ports.authorization import Challenge, ServerMetadata
from tests.fakes.authorization_server import DESCRIPTION, FakeAuthorizationServer, answer
from tests.fakes.clock import START, ManualClock
from tests.server.downstream.authorization.support import (
    NEEDS,
    US,
    callback_of,
    connected,
    declared,
    known,
)

SERVER = ServerMetadata(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize?tenant=a%20b&state=theirs",
    token_endpoint="https://as.example/token",
    resource="https://mcp.example/mcp",
    resource_scopes=("read", "write"),
    offered_scopes=("read", "write", "admin", "offline_access"),
    sends_issuer=True,
)


def test_the_browser_is_sent_to_the_endpoint_with_everything_that_protects_the_code(
    client: DownstreamOAuthClient,
):
    registration = declared(SERVER)
    request = client.authorize(SERVER, registration, scopes=("read", "write"))
    url = URL(request.url)
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(request.verifier.encode()).digest()).rstrip(b"=").decode()
    )
    assert url.with_query(None) == URL("https://as.example/authorize")
    assert dict(url.query) == {
        "tenant": "a b",
        "response_type": "code",
        "client_id": registration.client_id,
        "redirect_uri": US.redirect_uri,
        "state": request.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": "https://mcp.example/mcp",
        "scope": "read write",
    }
    assert 43 <= len(request.verifier) <= 128
    assert request.verifier not in request.url


def test_every_request_has_its_own_state_and_verifier(client: DownstreamOAuthClient):
    requests = [client.authorize(SERVER, declared(SERVER), scopes=()) for _ in range(50)]
    assert len({request.state for request in requests} | {request.verifier for request in requests}) == 100


def test_without_scopes_and_resource_neither_parameter_is_sent(client: DownstreamOAuthClient):
    server = replace(SERVER, resource=None)
    query = URL(client.authorize(server, declared(server), scopes=()).url).query
    assert "scope" not in query
    assert "resource" not in query
    assert "prompt" not in query


def test_refresh_tokens_of_openid_connect_need_consent_each_time(client: DownstreamOAuthClient):
    request = client.authorize(SERVER, declared(SERVER), scopes=("read", "offline_access"))
    assert URL(request.url).query["prompt"] == "consent"


def test_a_server_without_a_page_for_users_is_an_error(client: DownstreamOAuthClient):
    server = replace(SERVER, authorization_endpoint=None)
    with pytest.raises(AuthorizationError):
        client.authorize(server, declared(server), scopes=())


def test_a_client_of_another_server_is_never_used(client: DownstreamOAuthClient):
    with pytest.raises(IssuerMismatchError):
        client.authorize(SERVER, replace(declared(SERVER), issuer="https://other.example"), scopes=())


@pytest.mark.parametrize(
    ("challenge", "declared_scopes", "requested", "expected"),
    [
        (Challenge(scopes=("admin",)), ("read",), (), ("admin", "offline_access")),
        (Challenge(), ("read",), (), ("read", "offline_access")),
        (None, (), (), ("read", "write", "offline_access")),
        (Challenge(scopes=("write",)), (), ("read",), ("read", "write", "offline_access")),
        (Challenge(scopes=("not-in-any-list",)), (), (), ("not-in-any-list", "offline_access")),
    ],
)
def test_demanded_scopes_come_first_then_the_declared_then_those_of_the_mcp(
    client: DownstreamOAuthClient,
    challenge: Challenge | None,
    declared_scopes: tuple[str, ...],
    requested: tuple[str, ...],
    expected: tuple[str, ...],
):
    needs = replace(NEEDS, scopes=declared_scopes)
    assert client.scopes_to_request(SERVER, needs, challenge, requested) == expected


def test_scopes_that_nobody_names_are_not_invented(client: DownstreamOAuthClient):
    assert client.scopes_to_request(replace(SERVER, resource_scopes=()), NEEDS) == ()
    service = replace(NEEDS, grant=GrantType.SERVICE_ACCOUNT)
    assert client.scopes_to_request(SERVER, service) == ("read", "write")


async def test_a_consent_is_exchanged_for_tokens(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, clock: ManualClock
):
    server, registration = await known(client, fake)
    tokens = await connected(client, server, registration, "read")
    (sent,) = fake.sent_to("/token")
    assert sent.form["resource"] == fake.mcp
    assert sent.form["redirect_uri"] == US.redirect_uri
    assert tokens.access_token.startswith("access-")
    assert tokens.refresh_token in fake.refresh_tokens
    assert tokens.expires_at == START + timedelta(hours=1)
    assert tokens.scopes == ("read",)


async def test_a_code_cannot_be_used_twice(client: DownstreamOAuthClient, fake: FakeAuthorizationServer):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = await callback_of(request)
    await client.finish(server, registration, request, parameters)
    with pytest.raises(GrantDeadError):
        await client.finish(server, registration, request, parameters)


async def test_a_code_without_the_verifier_of_its_request_is_useless(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    stolen = {**(await callback_of(request)), "state": "of-the-thief"}
    other = replace(client.authorize(server, registration, scopes=()), state="of-the-thief")
    with pytest.raises(GrantDeadError):
        await client.finish(server, registration, other, stolen)


@pytest.mark.parametrize(
    ("promised", "issuer", "accepted"),
    [
        (True, "{base}", True),
        (True, None, False),
        (True, "https://evil.example", False),
        (False, "{base}", True),
        (False, None, True),
        (False, "https://evil.example", False),
        (True, "{base}/", False),
        (False, "", False),
        (True, "{base}?", False),
    ],
)
@pytest.mark.parametrize("outcome", ["code", "error"])
async def test_the_issuer_of_a_callback_is_compared_exactly(
    client: DownstreamOAuthClient,
    fake: FakeAuthorizationServer,
    promised: bool,
    issuer: str | None,
    accepted: bool,
    outcome: str,
):
    """RFC 9207: a mismatch shows neither the error of the callback nor its description."""
    server, registration = await known(client, fake)
    server = replace(server, sends_issuer=promised)
    request = client.authorize(server, registration, scopes=())
    parameters = dict(await callback_of(request))
    if outcome == "error":
        del parameters["code"]
        parameters |= {"error": "access_denied", "error_description": DESCRIPTION}
    del parameters["iss"]
    if issuer is not None:
        parameters["iss"] = issuer.format(base=fake.base)
    if accepted and outcome == "code":
        assert await client.finish(server, registration, request, parameters)
        return
    with pytest.raises(AuthorizationDeniedError if accepted else IssuerMismatchError) as caught:
        await client.finish(server, registration, request, parameters)
    assert DESCRIPTION not in caught.value.message
    if not accepted:
        assert "denied" not in caught.value.message
        assert "evil" not in caught.value.message
        assert fake.sent_to("/token") == []


async def test_a_callback_is_for_the_server_that_the_user_was_sent_to(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """The issuer was noted before the user was sent away, so that no other server gets the code (mix-up)."""
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = await callback_of(request)
    other = replace(server, issuer="https://evil.example", sends_issuer=False)
    with pytest.raises(IssuerMismatchError):
        await client.finish(other, replace(registration, issuer=other.issuer), request, parameters)
    assert fake.sent_to("/token") == []


@pytest.mark.parametrize("state", [None, "", "other", "ä"])
async def test_a_callback_with_another_state_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, state: str | None
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = {key: value for key, value in (await callback_of(request)).items() if key != "state"}
    if state is not None:
        parameters["state"] = state
    with pytest.raises(AuthorizationDeniedError):
        await client.finish(server, registration, request, parameters)
    assert fake.sent_to("/token") == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_denied", AuthorizationDeniedError),
        ("invalid_scope", ScopeRefusedError),
        ("unauthorized_client", RegistrationDeadError),
        ("invalid_client", RegistrationDeadError),
        ("server_error", AuthorizationServerUnavailableError),
        ("temporarily_unavailable", AuthorizationServerUnavailableError),
        ("invalid_target", AuthorizationDeniedError),
        ("something_new", AuthorizationDeniedError),
        ("<script>alert(1)</script>", AuthorizationDeniedError),
    ],
)
async def test_a_refusal_in_the_callback_shows_nothing_but_its_code(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, code: str, kind: type[AuthorizationError]
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = {
        "state": request.state,
        "iss": server.issuer,
        "error": code,
        "error_description": DESCRIPTION,
    }
    with pytest.raises(kind) as caught:
        await client.finish(server, registration, request, parameters)
    assert type(caught.value) is kind
    assert DESCRIPTION not in caught.value.message
    assert "<" not in caught.value.message


@pytest.mark.parametrize("code", [None, "", "x" * 10_000])
async def test_a_callback_without_a_code_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, code: str | None
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = {"state": request.state, "iss": server.issuer, **({} if code is None else {"code": code})}
    with pytest.raises(AuthorizationDeniedError):
        await client.finish(server, registration, request, parameters)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body | {"access_token": ""},
        lambda body: body | {"access_token": "with space"},
        lambda body: body | {"access_token": "line\r\nX-Injected: 1"},
        lambda body: body | {"access_token": "ä"},
        lambda body: body | {"access_token": 5},
        lambda body: body | {"access_token": "x" * 100_000},
        lambda body: body | {"token_type": "mac"},
        lambda body: body | {"token_type": 5},
        lambda body: body | {"refresh_token": "line\nline"},
        lambda body: {},
        lambda body: [body],
    ],
)
async def test_tokens_that_cannot_be_used_are_not_taken(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, change: Callable[[object], object]
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=())
    parameters = await callback_of(request)
    fake.script("/token", answer(change({"access_token": "token-value", "token_type": "Bearer"})))
    with pytest.raises(AuthorizationServerUnavailableError) as caught:
        await client.finish(server, registration, request, parameters)
    assert "token-value" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (60, 60),
        ("60", 60),
        (59.9, 59),
        (None, None),
        (0, 0),
        (-1, None),
        ("soon", None),
        (True, None),
        (10**40, 315360000),
        ("9" * 40, None),
    ],
)
async def test_the_lifetime_of_a_token_is_understood_or_unknown(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, value: object, seconds: int | None
):
    server, registration = await known(client, fake)
    request = client.authorize(server, registration, scopes=("read",))
    parameters = await callback_of(request)
    fake.script(
        "/token", answer({"access_token": "t", "token_type": "bearer", "expires_in": value, "scope": " "})
    )
    tokens = await client.finish(server, registration, request, parameters)
    assert tokens.expires_at == (None if seconds is None else START + timedelta(seconds=seconds))
    assert tokens.scopes == ("read",)
    assert tokens.refresh_token is None
