"""Tokens for hosts are those of the provider, unchanged; of all its other answers a host learns one code of OAuth."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.errors import AuthorizationError, TokenRequestError
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.identity import provider_tokens
from ambassador_server.identity.provider_tokens import HostTokens
from ambassador_server.ports.provider_tokens import ProvidedTokens
from tests.conformance.store_samples import issuer as sample
from tests.fakes.issuer import IssuerServer, issuer_server

GOOD = {
    "access_token": "the token",
    "token_type": "bearer",
    "expires_in": 60,
    "refresh_token": "r",
    "id_token": "i",
}
ASKED = {"grant_type": "refresh_token", "token": "this"}


@pytest.fixture
async def server() -> AsyncIterator[IssuerServer]:
    async with issuer_server() as started:
        started.answers["this"] = GOOD
        yield started


def client(server: IssuerServer, secret: Path | None = None, **changes: Any) -> Issuer:
    reference = None if secret is None else f"file://{secret}"
    fields = {"host_client_id": "am bassador", "host_client_secret": reference, "private_addresses": True}
    return sample(url=server.url, **{**fields, **changes})


async def ask(server: IssuerServer, issuer: Issuer, *methods: str) -> ProvidedTokens:
    place = LoginPlace(
        authorization_endpoint="https://login.example.com/",
        token_endpoint=f"{server.url}/introspect",
        device_endpoint=None,
        names_itself=True,
        token_auth_methods=methods,
    )
    return await HostTokens(GuardedHttp(seconds=5)).request(issuer, place, ASKED)


async def test_tokens_are_passed_on_without_the_id_token(server: IssuerServer) -> None:
    found = await ask(server, client(server))
    assert found == ProvidedTokens(
        access_token="the token", token_type="bearer", expires_in=60, refresh_token="r", scope=None
    )
    assert "the token" not in repr(found)
    assert server.questions[0][1] == {**ASKED, "client_id": "am bassador"}


async def test_the_client_authenticates_itself_as_the_provider_wants(
    server: IssuerServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a: secret")
    for methods, basic in (
        ((), True),
        (("client_secret_post", "client_secret_basic"), True),
        (("client_secret_post",), False),
    ):
        await ask(server, client(server, secret), *methods)
        headers, form = server.questions[-1]
        expected = "Basic " + base64.b64encode(b"am%20bassador:a%3A%20secret").decode()
        assert (headers.get("Authorization") == expected) is basic
        assert (form.get("client_secret") == "a: secret") is not basic
    with pytest.raises(TokenRequestError) as raised:
        await ask(server, client(server, secret), "tls_client_auth")
    assert raised.value.code == "temporarily_unavailable"
    with pytest.raises(TokenRequestError) as raised:
        await ask(server, client(server, tmp_path / "absent"))
    assert (raised.value.code, str(tmp_path) in raised.value.message) == ("temporarily_unavailable", False)


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (400, {"error": "invalid_grant", "error_description": "secret words"}, "invalid_grant"),
        (200, {"error": "invalid_scope"}, "invalid_scope"),
        (400, {"error": "invalid_target"}, "invalid_target"),
        (401, {"error": "invalid_client"}, "temporarily_unavailable"),
        (400, {"error": "unauthorized_client"}, "temporarily_unavailable"),
        (200, {**GOOD, "error": "secret words"}, "temporarily_unavailable"),
        (500, GOOD, "temporarily_unavailable"),
        (302, GOOD, "temporarily_unavailable"),
        (200, {**GOOD, "token_type": "DPoP"}, "temporarily_unavailable"),
        (200, {**GOOD, "access_token": ""}, "temporarily_unavailable"),
        (200, {**GOOD, "access_token": 1}, "temporarily_unavailable"),
        (200, {}, "temporarily_unavailable"),
        (200, "secret words", "temporarily_unavailable"),
        (200, "[" * 100_000, "temporarily_unavailable"),
    ],
)
async def test_of_other_answers_a_host_learns_a_code(
    server: IssuerServer, status: int, answer: Any, code: str
) -> None:
    server.status, server.answers["this"] = status, answer
    with pytest.raises(TokenRequestError) as raised:
        await ask(server, client(server))
    assert raised.value.code == code
    assert "secret words" not in raised.value.message


async def test_a_provider_that_redirects_floods_or_is_gone_gives_no_tokens(server: IssuerServer) -> None:
    server.padding = 2 * 1024 * 1024
    with pytest.raises(TokenRequestError):
        await ask(server, client(server))
    server.padding, server.location = 0, f"{server.url}/keys"
    with pytest.raises(TokenRequestError):
        await ask(server, client(server))
    assert server.asked == 0
    server.location = None
    with pytest.raises(TokenRequestError):
        await ask(server, client(server, private_addresses=False))
    assert len(server.questions) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from([*GOOD, "error", "scope"]), JSON | st.sampled_from(["Bearer", "x"])),
    st.sampled_from([200, 201, 400, 500]),
)
def test_every_answer_is_tokens_or_an_error(found: dict[str, Any], status: int) -> None:
    answer = Answer("login.example.com", status, json.dumps(found).encode())
    try:
        tokens = provider_tokens.tokens_of(answer)
    except (TokenRequestError, AuthorizationError):
        return
    assert tokens.access_token == found["access_token"]
    assert status < 300
    assert "error" not in found
