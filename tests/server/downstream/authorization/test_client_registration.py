"""This server becomes a client: the declared one, else by its document, else by dynamic registration."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import GrantType
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import (
    AuthorizationServerUnavailableError,
    DownstreamUnavailableError,
    RegistrationRefusedError,
)
from ambassador_server.ports.authorization import RegistrationKind
from tests.fakes.authorization_server import DESCRIPTION, FakeAuthorizationServer, answer, refuse
from tests.server.downstream.authorization.support import DOCUMENT, NEEDS, US, known

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def test_a_declared_client_has_precedence_and_costs_no_request(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, tmp_path: Path
):
    (tmp_path / "secret").write_text("s3cret")
    fake.server["client_id_metadata_document_supported"] = True
    needs = replace(NEEDS, client_id="mine", client_secret=f"file://{tmp_path}/secret", issuer=fake.base)
    server, registration = await known(client, fake, needs)
    assert (registration.kind, registration.client_id, registration.client_secret) == (
        RegistrationKind.DECLARED,
        "mine",
        "s3cret",
    )
    assert registration.issuer == fake.base
    assert fake.sent_to("/register") == []
    (tmp_path / "secret").unlink()
    with pytest.raises(DownstreamUnavailableError):
        await client.register(server, needs, US)


async def test_our_document_is_the_client_where_the_server_reads_documents(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    fake.server["client_id_metadata_document_supported"] = True
    server = await client.discover(fake.mcp, NEEDS)
    described = replace(US, document_url=DOCUMENT)
    registration = await client.register(server, NEEDS, described)
    assert (registration.kind, registration.client_id) == (RegistrationKind.DOCUMENT, DOCUMENT)
    assert registration.auth_method == "none"
    assert fake.sent_to("/register") == []
    document = json.loads(client.client_document(described))
    assert document == {
        "client_id": DOCUMENT,
        "client_name": "MCP Ambassador",
        "redirect_uris": [US.redirect_uri],
        "application_type": "web",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


async def test_a_device_flow_registers_although_the_server_reads_documents(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """The document does not ask for that flow, because servers without it would refuse the whole document."""
    fake.server["client_id_metadata_document_supported"] = True
    server = await client.discover(fake.mcp, NEEDS)
    described = replace(US, document_url=DOCUMENT)
    registration = await client.register(server, NEEDS, described, device=True)
    assert registration.kind is RegistrationKind.DYNAMIC
    assert DEVICE_GRANT in fake.sent_to("/register")[0].json["grant_types"]
    alone = replace(server, registration_endpoint=None)
    registration = await client.register(alone, NEEDS, described, device=True)
    assert registration.kind is RegistrationKind.DOCUMENT


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        (None, ["authorization_code", "refresh_token", DEVICE_GRANT]),
        (["authorization_code", "implicit"], ["authorization_code"]),
        (["authorization_code", "refresh_token"], ["authorization_code", "refresh_token"]),
    ],
)
async def test_registration_asks_for_no_grant_that_the_server_does_not_have(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, offered: list[str] | None, wanted: list[str]
):
    fake.server["grant_types_supported"] = offered
    await known(client, fake)
    assert fake.sent_to("/register")[0].json["grant_types"] == wanted


async def test_a_secret_is_not_sent_to_a_server_that_the_mcp_names(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """An MCP that was taken over could name any server as its authorization server."""
    needs = replace(NEEDS, client_id="mine", client_secret="env://NO_SUCH_VARIABLE")
    with pytest.raises(RegistrationRefusedError, match="declare its issuer"):
        await known(client, fake, needs)


@pytest.mark.parametrize(
    "document", [None, "http://us.example/client", "https://us.example", "https://us.example/"]
)
async def test_a_document_that_cannot_be_fetched_is_no_client(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, document: str | None
):
    fake.server["client_id_metadata_document_supported"] = True
    server = await client.discover(fake.mcp, NEEDS)
    registration = await client.register(server, NEEDS, replace(US, document_url=document))
    assert registration.kind is RegistrationKind.DYNAMIC


async def test_registration_asks_for_every_offered_scope(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """A client that registers with the demanded scopes alone is refused when it steps up."""
    _, registration = await known(client, fake, replace(NEEDS, scopes=("special",)))
    (sent,) = fake.sent_to("/register")
    assert sent.json == {
        "client_name": "MCP Ambassador",
        "redirect_uris": [US.redirect_uri],
        "application_type": "web",
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", DEVICE_GRANT],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "read write admin special",
    }
    assert registration.scopes == ("read", "write", "admin", "special")
    assert registration.client_secret == fake.clients[registration.client_id]["client_secret"]


@pytest.mark.parametrize(
    ("redirect", "kind"),
    [
        ("http://127.0.0.1:8443/oauth/callback", "native"),
        ("http://localhost/oauth/callback", "native"),
        ("https://us.example/oauth/callback", "web"),
    ],
)
async def test_a_redirect_to_the_own_machine_is_that_of_a_native_application(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, redirect: str, kind: str
):
    server = await client.discover(fake.mcp, NEEDS)
    registration = await client.register(server, NEEDS, replace(US, redirect_uri=redirect))
    assert fake.sent_to("/register")[0].json["application_type"] == kind
    assert registration.redirect_uri == redirect


async def test_a_service_account_registers_without_redirects(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    await known(client, fake, replace(NEEDS, grant=GrantType.SERVICE_ACCOUNT))
    sent = fake.sent_to("/register")[0].json
    assert (sent["grant_types"], sent["redirect_uris"]) == (["client_credentials"], [])


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        (None, "client_secret_basic"),
        (["client_secret_post", "none"], "client_secret_post"),
        (["none"], "none"),
        (["private_key_jwt", "none"], "none"),
        (["client_secret_post", "client_secret_basic"], "client_secret_basic"),
    ],
)
async def test_the_authentication_is_one_that_the_server_offers(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, offered: list[str] | None, wanted: str
):
    if offered is None:
        del fake.server["token_endpoint_auth_methods_supported"]
    else:
        fake.server["token_endpoint_auth_methods_supported"] = offered
    _, registration = await known(client, fake)
    assert fake.sent_to("/register")[0].json["token_endpoint_auth_method"] == wanted
    assert registration.auth_method == wanted


@pytest.mark.parametrize(
    ("issued", "method", "has_secret"),
    [
        (
            {"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"},
            "client_secret_post",
            True,
        ),
        ({"client_secret": "s"}, "client_secret_basic", True),
        ({}, "none", False),
        ({"client_secret": "s", "token_endpoint_auth_method": "none"}, "none", False),
        ({"token_endpoint_auth_method": "none", "client_secret": None}, "none", False),
    ],
)
async def test_the_authentication_is_the_one_that_the_server_has_chosen(
    client: DownstreamOAuthClient,
    fake: FakeAuthorizationServer,
    issued: dict[str, Any],
    method: str,
    has_secret: bool,
):
    fake.script("/register", answer({"client_id": "c", **issued}, 201))
    _, registration = await known(client, fake)
    assert (registration.auth_method, registration.client_secret is not None) == (method, has_secret)


@pytest.mark.parametrize(
    "issued",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "client_secret_basic"},
    ],
)
async def test_a_registration_that_cannot_authenticate_is_refused_before_a_user_consents(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, issued: dict[str, Any]
):
    fake.script("/register", answer({"client_id": "c", **issued}, 201))
    with pytest.raises(RegistrationRefusedError):
        await known(client, fake)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, None),
        (1893456000, datetime(2030, 1, 1, tzinfo=UTC)),
        (-5, None),
        (10**30, None),
        ("soon", None),
        (True, None),
    ],
)
async def test_the_expiry_of_a_secret_is_known(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, value: object, expected: datetime | None
):
    issued = {"client_id": "c", "client_secret": "s", "client_secret_expires_at": value}
    fake.script("/register", answer(issued, 201))
    assert (await known(client, fake))[1].secret_expires_at == expected


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_redirect_uri"),
        (400, "invalid_client_metadata"),
        (403, "access_denied"),
        (401, "invalid_token"),
    ],
)
async def test_a_refused_registration_tells_why_and_what_to_do(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, status: int, code: str
):
    fake.script("/register", refuse(code, status))
    with pytest.raises(RegistrationRefusedError) as caught:
        await known(client, fake)
    assert caught.value.message == (
        f"The authorization server at 127.0.0.1 refuses to register this server as a client ({code}, HTTP {status}), "
        "so a client has to be declared for this MCP."
    )
    assert DESCRIPTION not in caught.value.message


@pytest.mark.parametrize("status", [301, 404, 405, 422])
async def test_a_refusal_without_a_code_is_a_refusal(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, status: int
):
    fake.script("/register", answer("<html>No</html>", status, "text/html"))
    with pytest.raises(RegistrationRefusedError, match=f"HTTP {status}"):
        await known(client, fake)


async def test_a_server_without_registration_says_what_to_do(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    del fake.server["registration_endpoint"]
    with pytest.raises(RegistrationRefusedError, match="a client has to be declared"):
        await known(client, fake)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_registration_that_fails_is_no_refusal(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, status: int
):
    fake.script("/register", answer({}, status))
    with pytest.raises(AuthorizationServerUnavailableError):
        await known(client, fake)


@pytest.mark.parametrize(
    "body",
    [
        "<html></html>",
        {},
        {"client_id": ""},
        {"client_id": 5},
        {"client_id": "a\nb"},
        {"client_id": "x" * 5000},
    ],
)
async def test_an_answer_without_a_client_is_no_registration(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, body: object
):
    fake.script("/register", answer(body, 201))
    with pytest.raises(AuthorizationServerUnavailableError):
        await known(client, fake)
