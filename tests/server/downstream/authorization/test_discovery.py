"""The authorization server of an MCP is found as the standards say; documents that break their rules are refused."""

from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import GrantType, OAuthNeeds
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import (
    AuthorizationServerUnavailableError,
    IssuerMismatchError,
    UntrustedMetadataError,
)
from ambassador_server.ports.authorization import Challenge, ServerMetadata
from tests.fakes.authorization_server import (
    OPENID,
    RESOURCE,
    SERVER,
    FakeAuthorizationServer,
    answer,
)

NEEDS = OAuthNeeds(private_addresses=True)


async def discover(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, needs: OAuthNeeds = NEEDS, **more: Any
) -> ServerMetadata:
    return await client.discover(more.pop("url", fake.mcp), needs, more.pop("challenge", None))


async def test_the_documents_are_found_at_the_well_known_places(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    assert await discover(client, fake) == ServerMetadata(
        issuer=fake.base,
        authorization_endpoint=f"{fake.base}/authorize",
        token_endpoint=f"{fake.base}/token",
        device_endpoint=f"{fake.base}/device",
        registration_endpoint=f"{fake.base}/register",
        revocation_endpoint=f"{fake.base}/revoke",
        resource=fake.mcp,
        resource_scopes=("read", "write"),
        offered_scopes=("read", "write", "admin"),
        token_auth_methods=("client_secret_basic", "none"),
        grant_types=("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"),
        sends_issuer=True,
        private_addresses=True,
    )
    assert [seen.path for seen in fake.seen] == [f"{RESOURCE}/mcp", SERVER]


async def test_the_document_that_a_challenge_names_comes_first_then_the_path_then_the_root(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    fake.documents[RESOURCE] = fake.documents.pop(f"{RESOURCE}/mcp")
    await discover(client, fake, challenge=Challenge(resource_metadata=f"{fake.base}/named"))
    assert [seen.path for seen in fake.seen] == ["/named", f"{RESOURCE}/mcp", RESOURCE, SERVER]
    fake.seen.clear()
    fake.documents["/named"] = fake.documents.pop(RESOURCE)
    await discover(client, fake, challenge=Challenge(resource_metadata=f"{fake.base}/named"))
    assert [seen.path for seen in fake.seen] == ["/named", SERVER]


async def test_a_page_for_people_in_the_place_of_a_document_is_none(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    fake.documents[RESOURCE] = fake.documents[f"{RESOURCE}/mcp"]
    fake.script(f"{RESOURCE}/mcp", answer("<html>Welcome</html>", kind="text/html"))
    fake.documents[OPENID] = fake.documents[SERVER]
    fake.script(SERVER, answer("<html>Welcome</html>", kind="text/html"))
    assert (await discover(client, fake)).issuer == fake.base


async def test_the_documents_of_an_issuer_with_a_path_are_tried_in_the_prescribed_order(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    issuer = f"{fake.base}/tenant/one"
    fake.resource["authorization_servers"] = [issuer]
    fake.server["issuer"] = issuer
    appended = f"/tenant/one{OPENID}"
    fake.documents = {f"{RESOURCE}/mcp": fake.resource, appended: fake.server}
    assert (await discover(client, fake)).issuer == issuer
    assert [seen.path for seen in fake.seen[1:]] == [f"{SERVER}/tenant/one", f"{OPENID}/tenant/one", appended]


async def test_a_root_issuer_keeps_its_spelling_in_every_url(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """No slash is added to an issuer or a resource without a path, and none is removed."""
    found = await discover(client, fake, url=fake.base)
    assert found.issuer == fake.base
    assert found.resource == fake.base
    fake.server["issuer"] = fake.resource["authorization_servers"][0] = f"{fake.base}/"
    assert (await discover(client, fake)).issuer == f"{fake.base}/"


async def test_without_a_document_the_server_of_the_mcp_is_its_authorization_server(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    del fake.documents[f"{RESOURCE}/mcp"]
    found = await discover(client, fake)
    assert (found.issuer, found.resource) == (fake.base, fake.mcp)


@pytest.mark.parametrize(
    "resource",
    [
        "https://other.example/mcp",
        "{base}/mcp/other",
        "{base}/mc",
        "{base}/other",
        "{base}/mcp?x=1",
        "{base}/mcp#x",
        "",
    ],
)
async def test_a_document_about_another_resource_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, resource: str
):
    fake.resource["resource"] = resource.format(base=fake.base)
    with pytest.raises(UntrustedMetadataError):
        await discover(client, fake)
    assert SERVER not in [seen.path for seen in fake.seen]


@pytest.mark.parametrize("resource", ["{base}", "{base}/", "{base}/mcp", "{base}/mcp/"])
async def test_a_document_may_be_about_the_part_of_the_server_that_has_the_mcp(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, resource: str
):
    fake.resource["resource"] = resource.format(base=fake.base)
    assert (await discover(client, fake)).resource == fake.resource["resource"]


@pytest.mark.parametrize(
    ("declared", "sent"), [("send", "{mcp}"), ("omit", None), ("api://other", "api://other")]
)
async def test_resource_is_sent_omitted_or_replaced_as_declared(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, declared: str, sent: str | None
):
    """Entra refuses the parameter `resource`, so that it can be omitted for one MCP."""
    found = await discover(client, fake, replace(NEEDS, resource=declared))
    assert found.resource == (sent and sent.format(mcp=fake.mcp))


@pytest.mark.parametrize("issuer", ["{base}/", "{base}/other", "https://evil.example", "{base}/tenant", ""])
async def test_another_issuer_than_the_expected_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, issuer: str
):
    fake.server["issuer"] = issuer.format(base=fake.base)
    with pytest.raises(IssuerMismatchError):
        await discover(client, fake)


async def test_an_issuer_that_was_pinned_for_the_mcp_is_the_only_one_accepted(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """Some servers have another issuer than the URL that leads to them: an administrator may pin it."""
    fake.server["issuer"] = f"{fake.base}/real"
    pinned = replace(NEEDS, issuer=f"{fake.base}/real")
    found = await discover(client, fake, pinned)
    assert (found.issuer, found.issuer_differs) == (f"{fake.base}/real", True)
    fake.server["issuer"] = fake.base
    with pytest.raises(IssuerMismatchError):
        await discover(client, fake, pinned)


async def test_the_documents_of_a_pinned_issuer_are_read_at_the_issuer_first(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    issuer = f"{fake.base}/real"
    fake.documents[f"{SERVER}/real"] = {**fake.server, "issuer": issuer}
    found = await discover(client, fake, replace(NEEDS, issuer=issuer))
    assert (found.issuer, found.issuer_differs) == (issuer, False)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_pinned_issuer_that_fails_is_not_replaced_by_one_that_the_mcp_names(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, status: int
):
    issuer = f"{fake.base}/real"
    fake.server["issuer"] = issuer
    fake.script(f"{SERVER}/real", answer({}, status))
    with pytest.raises(AuthorizationServerUnavailableError):
        await discover(client, fake, replace(NEEDS, issuer=issuer))
    assert fake.sent_to(SERVER) == []


async def test_the_next_named_server_is_used_if_the_first_is_none(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    fake.resource["authorization_servers"] = [f"{fake.base}/gone", fake.base]
    assert (await discover(client, fake)).issuer == fake.base


@pytest.mark.parametrize("methods", [None, [], ["plain"]])
async def test_a_server_without_pkce_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, methods: list[str] | None
):
    if methods is None:
        del fake.server["code_challenge_methods_supported"]
    else:
        fake.server["code_challenge_methods_supported"] = methods
    with pytest.raises(UntrustedMetadataError, match="PKCE"):
        await discover(client, fake)
    service = replace(NEEDS, grant=GrantType.SERVICE_ACCOUNT)
    assert (await discover(client, fake, service)).token_endpoint == f"{fake.base}/token"


@pytest.mark.parametrize(
    "member",
    [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
    ],
)
@pytest.mark.parametrize(
    "url", ["http://as.example/x", "javascript:alert(1)", "/x", "", "https://u:p@as.example/x"]
)
async def test_an_endpoint_without_https_is_refused(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, member: str, url: str
):
    fake.server[member] = url
    with pytest.raises(UntrustedMetadataError):
        await discover(client, fake)


async def test_private_addresses_are_dialled_only_if_the_mcp_allows_them(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    with pytest.raises(UntrustedMetadataError):
        await discover(client, fake, OAuthNeeds())
    secure = fake.mcp.replace("http:", "https:")
    with pytest.raises(AuthorizationServerUnavailableError, match="private addresses are allowed"):
        await discover(client, fake, OAuthNeeds(), url=secure)
    assert fake.seen == []


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.parametrize("path", [f"{RESOURCE}/mcp", SERVER])
async def test_a_server_that_fails_leads_to_no_other_place(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, path: str, status: int
):
    """A document that cannot be had now must not make another server the authorization server."""
    fake.script(path, answer({}, status))
    with pytest.raises(AuthorizationServerUnavailableError):
        await discover(client, fake)
    assert fake.seen[-1].path == path


@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_of_a_document_is_not_followed(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, status: int
):
    fake.script(SERVER, answer("", status, headers={"Location": "http://169.254.169.254/latest/meta-data"}))
    with pytest.raises(AuthorizationServerUnavailableError, match="offers no metadata"):
        await discover(client, fake)


@pytest.mark.parametrize(
    "member",
    [
        "issuer",
        "token_endpoint",
        "scopes_supported",
        "code_challenge_methods_supported",
        "grant_types_supported",
    ],
)
@pytest.mark.parametrize("value", [7, {"a": 1}, True])
async def test_a_document_with_a_member_of_another_type_is_none(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, member: str, value: object
):
    fake.server[member] = value
    with pytest.raises(AuthorizationServerUnavailableError):
        await discover(client, fake)


async def test_members_that_are_null_are_missing_and_wrong_scopes_are_left_out(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    fake.server |= {"device_authorization_endpoint": None, "grant_types_supported": None}
    fake.server["scopes_supported"] = ["ok", 'qu"ote', 5, "", "new\nline", "ok"]
    fake.resource["scopes_supported"] = None
    found = await discover(client, fake)
    assert found.device_endpoint is None
    assert found.grant_types == ()
    assert (found.resource_scopes, found.offered_scopes) == ((), ("ok",))


async def test_declared_endpoints_are_used_without_any_request(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    needs = OAuthNeeds(
        authorization_endpoint="https://as.example/authorize",
        token_endpoint="https://as.example/token",
        issuer="https://as.example",
        resource="omit",
    )
    assert await client.discover("https://mcp.example/mcp", needs) == ServerMetadata(
        issuer="https://as.example",
        authorization_endpoint="https://as.example/authorize",
        token_endpoint="https://as.example/token",
        token_auth_methods=(),
    )
    assert fake.seen == []
    with pytest.raises(UntrustedMetadataError):
        await client.discover(
            "https://mcp.example/mcp", replace(needs, token_endpoint="http://as.example/token")
        )


async def test_one_declared_endpoint_replaces_that_of_the_document(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    found = await discover(client, fake, replace(NEEDS, revocation_endpoint="https://as.example/revoke"))
    assert found.revocation_endpoint == "https://as.example/revoke"
    assert found.token_endpoint == f"{fake.base}/token"
