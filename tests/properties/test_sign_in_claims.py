"""Any verified claims sign a user in or have a fault; whom they sign in was meant, by this client, and just now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.sign_in_claims import (
    LATEST,
    SignInFault,
    SignInIdentity,
    nonce_of,
    read_sign_in,
)
from ambassador_server.domain.people.token_claims import SKEW, TokenFault
from ambassador_server.identity.login_endpoints import read_place
from tests.conformance.store_samples import issuer
from tests.effort import examples
from tests.fakes.issuer import claims_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CLIENT, SECRET = "commands", "s" * 64
SCALARS = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["iss", "aud", "azp", "exp", "nbf", "iat", "sub", "nonce", "typ", "scope", "scp", "client_id", "groups"]
)
NEAR = st.sampled_from([CLIENT, [CLIENT], [CLIENT, "other"], SECRET, nonce_of(SECRET), "ID", "Bearer"])
TIMES = (
    st.integers(SECONDS - 1000, SECONDS + 1000) | st.floats(SECONDS - 1000, SECONDS + 1000) | st.integers()
)


def read(
    changes: Mapping[str, Any], nonce: str = SECRET, client: str | None = CLIENT
) -> SignInIdentity | TokenFault | SignInFault:
    known: Issuer = issuer(login_client_id=client, scopes=("mcp:tools",))
    given_claims = {"aud": CLIENT, "nonce": nonce_of(SECRET), **changes}
    return read_sign_in(claims_of(known.url, NOW, **given_claims), known, nonce, NOW)


def test_good_claims_sign_in() -> None:
    found = read({})
    assert isinstance(found, SignInIdentity)
    assert found.over_at > NOW + LATEST + SKEW


@examples(400)
@given(
    st.dictionaries(NAMES, JSON | NEAR | TIMES, max_size=3), st.sampled_from([SECRET, "x" * 64, "", "é" * 40])
)
def test_any_claims_sign_in_or_have_a_fault(changes: dict[str, Any], nonce: str) -> None:
    found = read(changes, nonce)
    assert isinstance(found, SignInIdentity | TokenFault | SignInFault)
    if not isinstance(found, SignInIdentity):
        return
    claims = {name: value for name, value in {"aud": CLIENT, **changes}.items() if value is not None}
    assert claims["aud"] in (CLIENT, [CLIENT]) or claims["azp"] == CLIENT
    assert claims.get("azp", CLIENT) == CLIENT
    assert claims.get("typ", "ID") == "ID"
    assert {"scope", "scp", "client_id"}.isdisjoint(claims)
    assert claims.get("nonce", nonce_of(SECRET)) == nonce_of(nonce) or changes.get("nonce", "") is None
    assert abs(claims.get("iat", SECONDS) - SECONDS) <= (LATEST + SKEW).total_seconds()
    # When the server forgets the token, it is too old on every server whose clock differs by the margin.
    assert found.over_at >= datetime.fromtimestamp(claims.get("iat", SECONDS), UTC) + LATEST + 2 * SKEW


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": ["commands", "other"]}, SignInFault.WRONG_PARTY),
        ({"aud": ["commands", "other"], "azp": "commands"}, None),
        ({"azp": "other"}, SignInFault.WRONG_PARTY),
        ({"azp": None}, None),
        ({"aud": "https://ambassador.example.com/mcp"}, TokenFault.FOREIGN_AUDIENCE),
        ({"nonce": nonce_of("other" * 10)}, SignInFault.WRONG_NONCE),
        ({"nonce": SECRET}, SignInFault.WRONG_NONCE),
        ({"nonce": ["x"]}, SignInFault.WRONG_NONCE),
        ({"nonce": ""}, SignInFault.WRONG_NONCE),
        ({"scope": ""}, SignInFault.NO_ID_TOKEN),
        ({"typ": "Bearer"}, SignInFault.NO_ID_TOKEN),
        ({"iat": None}, SignInFault.NOT_RECENT),
        ({"iat": SECONDS - 359}, None),
        ({"iat": SECONDS - 360}, SignInFault.NOT_RECENT),
        ({"iat": SECONDS + 60}, None),
        ({"iat": SECONDS + 61}, TokenFault.NOT_YET_VALID),
        ({"iat": -(10**15)}, TokenFault.NOT_YET_VALID),
        ({"iat": True}, TokenFault.NOT_YET_VALID),
        ({"exp": SECONDS - 60}, TokenFault.EXPIRED),
    ],
)
def test_each_fault(changes: dict[str, Any], expected: TokenFault | SignInFault | None) -> None:
    found = read(changes)
    assert (None if isinstance(found, SignInIdentity) else found) is expected


@pytest.mark.parametrize("nonce", ["", "s" * 31, "s" * 129, "\ud800" * 40], ids=ascii)
def test_secrets_of_other_lengths_or_of_no_text_are_none(nonce: str) -> None:
    assert read({"nonce": "x"}, nonce) is SignInFault.WRONG_NONCE


def test_an_issuer_without_a_login_client_signs_nobody_in() -> None:
    assert read({}, client=None) is SignInFault.NO_LOGIN


ENDPOINTS = ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint"]
URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "javascript:", ""]),
    st.sampled_from(["sso.example.com", "127.0.0.1", "[::1]", "[", "a:b@c", "169.254.169.254"]),
    st.sampled_from(["", ":1", ":x"]),
    st.text(max_size=10) | st.sampled_from(["/token", "/x#y", "/\x1b[2J", "/" + "x" * 2000]),
)


@examples(300)
@given(st.dictionaries(st.sampled_from([*ENDPOINTS, "issuer"]), JSON | URLS), st.booleans())
def test_documents_of_any_kind_name_safe_endpoints_or_none(document: dict[str, Any], private: bool) -> None:
    place = read_place(document, private=private)
    if place is None:
        return
    for url in (place.authorization_endpoint, place.token_endpoint, place.device_endpoint or "https://x"):
        assert url.isascii()
        assert url.isprintable()
        assert "#" not in url
        assert url.startswith("https://") or (private and url.startswith("http://"))
    assert place.names_itself is False or place.names_itself is True


def test_times_of_a_sign_in_overlap_those_of_the_memory() -> None:
    """A token is never accepted at a time at which it has been forgotten."""
    found = read({"iat": SECONDS + 60})
    assert isinstance(found, SignInIdentity)
    assert found.over_at - NOW > LATEST + SKEW + timedelta(seconds=60)
