"""An assertion of a provider is presented only if it is what was asked for."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jwt import PyJWS

from ambassador_server.downstream.authorization.identity_assertions import read_assertion
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.ports.authorization import IdentityToken, ServerMetadata
from tests.fakes.authorization_server import FakeAuthorizationServer, answer
from tests.fakes.issuer import sign
from tests.server.downstream.authorization.support import known

IDENTITY = IdentityToken(token="id-token", subject="subject-1")
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


async def test_an_identity_is_exchanged_for_an_assertion_and_that_for_tokens(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """The fake stands for the identity provider and for the authorization server of the MCP."""
    server, registration = await known(client, fake)
    assertion = asserted(fake)
    fake.script("/token", granted(assertion))
    found = await client.identity_assertion(
        server, registration, IDENTITY, server, client_id="us", scopes=("read",)
    )
    assert found == assertion
    tokens = await client.present_assertion(server, registration, found, scopes=("read",))
    exchange, presented = (seen.form for seen in fake.sent_to("/token"))
    assert exchange == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "audience": fake.base,
        "resource": fake.mcp,
        "scope": "read",
        "subject_token": "id-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }
    assert presented == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion,
        "resource": fake.mcp,
        "scope": "read",
    }
    assert tokens.access_token.startswith("access-")


@pytest.mark.parametrize("kind", [None, "urn:ietf:params:oauth:token-type:access_token", 5])
async def test_another_token_than_an_assertion_is_not_presented(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, kind: object
):
    server, registration = await known(client, fake)
    fake.script("/token", answer({"access_token": "t", "issued_token_type": kind, "token_type": "N_A"}))
    with pytest.raises(AuthorizationServerUnavailableError):
        await client.identity_assertion(server, registration, IDENTITY, server, client_id="us", scopes=())


WRONG: dict[str, Mapping[str, Any]] = {
    "aud": {"aud": "https://other.example.com"},
    "several aud": {"aud": ["https://other.example.com", "x"]},
    "no aud": {"aud": None},
    "resource": {"resource": "https://other.example.com/mcp"},
    "no resource": {"resource": None},
    "client_id": {"client_id": "foreign"},
    "no client_id": {"client_id": None},
    "sub": {"sub": "subject-2"},
    "no sub": {"sub": None},
    "sub of another kind": {"sub": ["subject-1"]},
    "iss": {"iss": "https://other.example.com"},
    "scope": {"scope": "read write"},
    "scope of another kind": {"scope": ["read"]},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
async def test_an_assertion_about_something_else_than_was_asked_is_not_presented(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, changes: Mapping[str, Any]
):
    server, registration = await known(client, fake)
    fake.script("/token", granted(asserted(fake, **changes)))
    with pytest.raises(AuthorizationServerUnavailableError, match=r"another|else") as refused:
        await client.identity_assertion(
            server, registration, IDENTITY, server, client_id="us", scopes=("read",)
        )
    for each in changes.values():
        assert str(each) not in refused.value.message, "nothing of the answer is quoted"


@pytest.mark.parametrize(
    "bad", ["x", "a.b.c", sign({}), sign({}, headers={"typ": "at+jwt"})], ids=["text", "dots", "jwt", "at"]
)
async def test_what_is_no_assertion_is_not_presented(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer, bad: str
):
    server, registration = await known(client, fake)
    fake.script("/token", granted(bad))
    with pytest.raises(AuthorizationServerUnavailableError):
        await client.identity_assertion(server, registration, IDENTITY, server, client_id="us", scopes=())


async def test_a_broader_scope_in_the_answer_is_refused_and_a_narrower_one_is_not(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    server, registration = await known(client, fake)
    for scope, is_good in (("read", True), ("", True), ("read write", False), (5, False)):
        fake.script("/token", granted(asserted(fake), scope=scope))
        asked = client.identity_assertion(
            server, registration, IDENTITY, server, client_id="us", scopes=("read",)
        )
        if is_good:
            await asked
        else:
            with pytest.raises(AuthorizationServerUnavailableError, match="scope"):
                await asked


async def test_the_provider_may_call_the_user_as_in_the_token_itself(
    client: DownstreamOAuthClient, fake: FakeAuthorizationServer
):
    """A token can name its user to people by one claim, and to this server by another."""
    server, registration = await known(client, fake)
    identity = IdentityToken(token=sign({"sub": "alice@example.com"}), subject="uid-1")
    for sub, is_good in (("alice@example.com", True), ("uid-1", True), ("bob@example.com", False)):
        fake.script("/token", granted(asserted(fake, sub=sub)))
        asked = client.identity_assertion(server, registration, identity, server, client_id="us", scopes=())
        if is_good:
            await asked
        else:
            with pytest.raises(AuthorizationServerUnavailableError, match="sub"):
                await asked


def asserted(fake: FakeAuthorizationServer, **changes: Any) -> str:
    """Return an assertion as it is asked for; None takes a claim away."""
    claims = {
        "iss": fake.base,
        "aud": fake.base,
        "resource": fake.mcp,
        "client_id": "us",
        "sub": "subject-1",
        "scope": "read",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return sign(kept, headers={"typ": "oauth-id-jag+jwt"})


def granted(assertion: str, **more: Any) -> Any:
    """Return the answer of a provider."""
    return answer({"access_token": assertion, "issued_token_type": ID_JAG, "token_type": "N_A", **more})


PROVIDER = ServerMetadata(issuer="https://idp.example.com", token_endpoint="https://idp.example.com/token")
SERVER = ServerMetadata(
    issuer="https://as.example.com",
    token_endpoint="https://as.example.com/token",
    resource="https://mcp.example.com/mcp",
)
GOOD = {
    "iss": PROVIDER.issuer,
    "aud": SERVER.issuer,
    "resource": SERVER.resource,
    "client_id": "us",
    "sub": "subject-1",
}
NAMES = st.sampled_from([*GOOD, "scope", "exp", "act", "typ"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([*GOOD.values(), "read"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), VALUES)
@example({}, None)
@example({"aud": [SERVER.issuer]}, "read")
def test_only_claims_that_were_asked_for_are_accepted(changes: dict[str, Any], scope: Any) -> None:
    claims = {**GOOD, **changes}
    # The library would refuse to sign some of these claims, which another one may not.
    token = PyJWS().encode(
        json.dumps(claims).encode(), "k" * 32, "HS256", headers={"typ": "oauth-id-jag+jwt"}
    )
    found = {"access_token": token, "issued_token_type": ID_JAG, "scope": scope}
    try:
        read_assertion(
            found, provider=PROVIDER, identity=IDENTITY, server=SERVER, client_id="us", scopes=("read",)
        )
    except AuthorizationServerUnavailableError:
        return
    for name, value in GOOD.items():
        assert claims[name] == value or (name != "sub" and claims[name] == [value])
    for each in (scope, claims.get("scope")):
        assert each is None or {*each.split()} <= {"read"}


@given(VALUES, VALUES, st.text(max_size=50))
def test_answers_of_any_form_are_refused(kind: Any, value: Any, text: str) -> None:
    for token in (value, text, f"{text}.{text}.{text}", f"e30.{text}."):
        found = {"access_token": token, "issued_token_type": kind if kind else ID_JAG}
        with pytest.raises(AuthorizationServerUnavailableError):
            read_assertion(
                found, provider=PROVIDER, identity=IDENTITY, server=SERVER, client_id="us", scopes=()
            )
