"""Any verified claims name a user or have a fault, and nothing but what the issuer says means a group."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.domain.people.token_claims import (
    MOST_GROUPS,
    TokenFault,
    TokenIdentity,
    claimed_groups,
    read_claims,
)
from ambassador_server.domain.policy.trusted_issuers import TrustedIssuers
from tests.conformance.store_samples import group, issuer
from tests.effort import examples
from tests.fakes.issuer import AUDIENCE, claims_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["iss", "aud", "exp", "nbf", "iat", "sub", "preferred_username", "email", "groups", "scope", "scp", "cnf"]
)


def trusted(**changes: Any) -> Issuer:
    return issuer(**{"audiences": (AUDIENCE,), **changes})


def read(changes: dict[str, Any], **of_issuer: Any) -> TokenIdentity | TokenFault:
    known = trusted(**of_issuer)
    return read_claims(claims_of(known.url, NOW, **changes), known, NOW)


@examples(300)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_claims_have_an_identity_or_a_fault(changes: dict[str, Any]) -> None:
    found = read(changes)
    assert isinstance(found, TokenIdentity | TokenFault)
    if isinstance(found, TokenIdentity):
        assert found.expires_at + timedelta(seconds=60) > NOW
        assert changes.get("aud", AUDIENCE) == AUDIENCE or AUDIENCE in changes["aud"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": "https://evil.example.com"}, TokenFault.UNKNOWN_ISSUER),
        ({"iss": "https://login-1.example.com/"}, TokenFault.UNKNOWN_ISSUER),
        ({"aud": None}, TokenFault.FOREIGN_AUDIENCE),
        ({"aud": "https://other.example.com/mcp"}, TokenFault.FOREIGN_AUDIENCE),
        ({"aud": f"{AUDIENCE}/"}, TokenFault.FOREIGN_AUDIENCE),
        ({"aud": ["a", "b"]}, TokenFault.FOREIGN_AUDIENCE),
        ({"aud": {AUDIENCE: True}}, TokenFault.FOREIGN_AUDIENCE),
        ({"cnf": {"jkt": "x"}}, TokenFault.BOUND_TO_KEY),
        ({"exp": None}, TokenFault.NO_EXPIRY),
        ({"exp": "9999999999"}, TokenFault.NO_EXPIRY),
        ({"exp": float("inf")}, TokenFault.NO_EXPIRY),
        ({"exp": -(10**400)}, TokenFault.NO_EXPIRY),
        ({"exp": True}, TokenFault.NO_EXPIRY),
        ({"sub": None}, TokenFault.NO_SUBJECT),
        ({"sub": 7}, TokenFault.NO_SUBJECT),
        ({"sub": "x" * 256}, TokenFault.NO_SUBJECT),
        ({"preferred_username": None}, TokenFault.NO_USER_NAME),
        ({"preferred_username": ["alice"]}, TokenFault.NO_USER_NAME),
        ({"preferred_username": "ali ce"}, TokenFault.NO_USER_NAME),
        ({"preferred_username": "alice\u202e"}, TokenFault.NO_USER_NAME),
    ],
)
def test_each_fault(changes: dict[str, Any], expected: TokenFault) -> None:
    assert read(changes) is expected


@pytest.mark.parametrize(
    ("name", "seconds", "expected"),
    [
        ("exp", -59, None),
        ("exp", -60, TokenFault.EXPIRED),
        ("nbf", 60, None),
        ("nbf", 61, TokenFault.NOT_YET_VALID),
        ("iat", 61, TokenFault.NOT_YET_VALID),
        ("exp", 10**15, None),
        ("exp", 10**400, None),
        ("nbf", 10**400, TokenFault.NOT_YET_VALID),
        ("iat", 10**400, TokenFault.NOT_YET_VALID),
    ],
)
def test_clocks_may_differ_by_a_minute(name: str, seconds: int, expected: TokenFault | None) -> None:
    found = read({name: int(NOW.timestamp()) + seconds})
    assert (found if isinstance(found, TokenFault) else None) is expected


def test_all_scopes_are_needed_in_any_spelling() -> None:
    scopes = ("mcp:tools", "mcp:read")
    assert read({"scope": "openid mcp:tools"}, scopes=scopes) is TokenFault.TOO_FEW_SCOPES
    assert read({}, scopes=scopes) is TokenFault.TOO_FEW_SCOPES
    assert isinstance(read({"scope": "mcp:read openid mcp:tools"}, scopes=scopes), TokenIdentity)
    assert isinstance(read({"scp": ["mcp:read", "mcp:tools"]}, scopes=scopes), TokenIdentity)


def test_groups_of_keycloak_are_paths_and_roles() -> None:
    known = trusted(
        audiences=("gateway",),
        group_claims=("groups", "realm_access.roles", "resource_access.{audience}.roles"),
    )
    claims = {
        "groups": ["/eng/backend"],
        "realm_access": {"roles": ["staff"]},
        "resource_access": {"gateway": {"roles": ["caller"]}, "account": {"roles": ["manage-account"]}},
    }
    assert claimed_groups(claims, known) == (("caller", "eng/backend", "staff"), False)


def test_groups_of_a_claim_that_is_named_like_a_url() -> None:
    known = trusted(group_claims=("https://acme.example/groups",))
    assert claimed_groups({"https://acme.example/groups": "eng"}, known) == (("eng",), False)


def test_groups_that_the_issuer_left_out_are_unknown() -> None:
    known = trusted(group_claims=("groups", "roles"))
    overage = {"_claim_names": {"groups": "src1"}, "_claim_sources": {}, "roles": ["reader"]}
    assert claimed_groups(overage, known) == (("reader",), True)
    assert claimed_groups({"hasgroups": True}, known) == ((), True)
    assert claimed_groups({"groups": [f"g{n}" for n in range(MOST_GROUPS + 1)]}, known) == ((), True)


@examples(200)
@given(
    claimed=st.lists(st.text(max_size=20) | st.sampled_from(["a", "b", "issuer-1.a", "admins"]), max_size=6),
    mapped=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["admins", "none"]), max_size=2),
)
def test_a_claimed_group_means_the_mapped_or_the_prefixed_one_alone(
    claimed: list[str], mapped: dict[str, str]
) -> None:
    known = trusted(group_map=mapped)
    groups = {"1": group(1, name="admins"), "2": group(2, name="issuer-1.a"), "3": group(3, name="a")}
    issuers = TrustedIssuers.of({known.issuer_id: known}, groups)
    assert issuers is not None
    names, _ = claimed_groups({"groups": claimed}, known)
    token = PresentedToken(issuer_id=known.issuer_id, expires_at=NOW, groups=names)
    found = {groups[each].name for each in issuers.group_ids(token)}
    stripped = {each.removeprefix("/") for each in claimed}
    wanted = {mapped.get(each, f"issuer-1.{each}") for each in stripped} & {"admins", "issuer-1.a"}
    assert found == wanted
    assert "a" not in found
    assert list(issuers.group_ids(PresentedToken(issuer_id="other", expires_at=NOW, groups=names))) == []
