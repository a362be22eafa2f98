"""Only an assertion of the client itself, for this server alone, authenticates it; any JSON may be in it."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.domain.people.client_assertions import LONGEST_LIFE, read_client_assertion
from ambassador_server.domain.people.identity_assertions import Asserted, read_assertion
from ambassador_server.domain.people.token_claims import SKEW
from tests.conformance.store_samples import issuer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = NOW.timestamp()
SERVER, ENDPOINT, RESOURCE = (
    "https://as.example.com",
    "https://as.example.com/oauth/token",
    "https://as.example.com/mcp",
)
GOOD = {"iss": "us", "sub": "us", "aud": SERVER, "jti": "one", "exp": SECONDS + 60}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*GOOD.values(), ENDPOINT, RESOURCE, SECONDS - 59, SECONDS + 700, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "nbf", "iat"]), VALUES, max_size=5))
@example({})
@example({"aud": [ENDPOINT]})
@example({"exp": float("nan")})
@example({"exp": float("inf")})
@example({"exp": 10**400})
@example({"exp": -(10**400)})
@example({"jti": "\ud800"})
def test_a_client_is_only_authenticated_by_its_own_assertion(changes: dict[str, Any]) -> None:
    claims = {**GOOD, **changes}
    found = read_client_assertion(claims, "us", NOW, (SERVER, ENDPOINT))
    if found is None:
        assert changes, "a good one is accepted"
        return
    assert claims["iss"] == claims["sub"] == "us"
    assert claims["aud"] in (SERVER, ENDPOINT, [SERVER], [ENDPOINT])
    assert NOW < found.expires_at <= NOW + LONGEST_LIFE + 2 * SKEW
    other = read_client_assertion(
        {**claims, "jti": f"{claims['jti']}x"[-255:]}, "us", NOW, (SERVER, ENDPOINT)
    )
    assert other is None or other.assertion_id != found.assertion_id


ASSERTED = {
    "iss": "https://login-1.example.com",
    "aud": SERVER,
    "resource": RESOURCE,
    "client_id": "us",
    "sub": "subject-1",
    "preferred_username": "alice",
    "jti": "one",
    "iat": SECONDS,
    "exp": SECONDS + 60,
}


@given(st.dictionaries(st.sampled_from([*ASSERTED, "scope", "groups", "cnf", "nbf"]), VALUES, max_size=5))
@example({})
@example({"aud": [SERVER]})
@example({"resource": [RESOURCE]})
def test_an_assertion_is_only_taken_for_this_server_client_and_resource(changes: dict[str, Any]) -> None:
    claims = {**ASSERTED, **changes}
    found = read_assertion(claims, issuer(), NOW, server=SERVER, resource=RESOURCE, client_id="us")
    if not isinstance(found, Asserted):
        assert changes, "a good one is accepted"
        return
    assert claims["iss"] == ASSERTED["iss"]
    assert claims["aud"] in (SERVER, [SERVER])
    assert claims["client_id"] == "us"
    assert RESOURCE in (
        claims["resource"],
        *(claims["resource"] if isinstance(claims["resource"], list) else ()),
    )
    assert found.identity.user_name
    assert "cnf" not in changes
