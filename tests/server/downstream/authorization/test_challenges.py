"""`WWW-Authenticate` is read as RFC 9110 says, and hostile values are bounded."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.downstream.authorization.challenges import check_challenge, read_challenge
from ambassador_server.errors import StepUpNeededError
from ambassador_server.ports.authorization import Challenge

METADATA = "https://mcp.example/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer", Challenge()),
        ("bearer", Challenge()),
        (f'Bearer resource_metadata="{METADATA}"', Challenge(resource_metadata=METADATA)),
        (
            f'Bearer error="insufficient_scope", scope="read write", resource_metadata="{METADATA}"',
            Challenge(error="insufficient_scope", scopes=("read", "write"), resource_metadata=METADATA),
        ),
        ("Bearer scope=read", Challenge(scopes=("read",))),
        ('Bearer SCOPE = "a  b"', Challenge(scopes=("a", "b"))),
        ('Basic realm="x, Bearer scope=evil", Bearer scope="a"', Challenge(scopes=("a",))),
        ('Bearer realm="say \\"hi\\", ok", scope="a"', Challenge(scopes=("a",))),
        ('Negotiate YWJj==, Bearer scope="a"', Challenge(scopes=("a",))),
        ('NTLM, Bearer scope="a", Digest qop="auth", scope="b"', Challenge(scopes=("a",))),
        (f'Bearer scope="a", Bearer resource_metadata="{METADATA}"', Challenge(resource_metadata=METADATA)),
        ('Bearer scope="a", scope="b"', Challenge(scopes=("a",))),
        (',, Bearer scope="a",, error="invalid_token",', Challenge(error="invalid_token", scopes=("a",))),
        ('Bearer scope="a", error="unclosed', Challenge(scopes=("a",))),
        ('Bearer error="Some text for people"', Challenge()),
        ('Bearer scope="good ba\\"d k\\\\o"', Challenge(scopes=("good",))),
    ],
)
def test_a_demand_for_a_bearer_token_is_read(header: str, expected: Challenge):
    assert read_challenge(header) == expected


@pytest.mark.parametrize(
    "header", ["", "Basic", 'Basic realm="Bearer"', "Bearerx scope=a", '"Bearer"', "=", "DPoP a=b"]
)
def test_another_scheme_demands_no_bearer_token(header: str):
    assert read_challenge(header) is None


@given(st.text(alphabet='Bearer ,="\\scope\x00\xe9\t\n', max_size=400))
def test_any_text_is_read_without_an_error(header: str):
    found = read_challenge(header)
    for scope in found.scopes if found else ():
        assert re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope)


@given(st.lists(st.text(min_size=1).filter(lambda text: '"' not in text and "\\" not in text), max_size=5))
def test_a_quoted_value_cannot_add_a_parameter(values: list[str]):
    quoted = ", ".join(f'x{number}="{value}, scope=evil"' for number, value in enumerate(values))
    found = read_challenge(f"Bearer {quoted}")
    assert found is not None
    assert found.scopes == ()


@pytest.mark.parametrize(
    "text", ['Bearer a="', "Bearer " + "a=" * 9, "B" * 9, "Bearer x=y,", '\\"', "Bearer   "]
)
def test_a_huge_value_costs_little(text: str):
    """The parser goes through a value once: what is repeated a million times takes no longer than to receive."""
    read_challenge(text * 1_000_000)


def test_only_so_many_scopes_are_taken():
    found = read_challenge(f'Bearer scope="{" ".join(map(str, range(5000)))}"')
    assert found is not None
    assert len(found.scopes) <= 200


def test_a_step_up_demands_the_union_of_the_scopes():
    """A step-up never drops a scope that was requested before."""
    with pytest.raises(StepUpNeededError) as caught:
        check_challenge(Challenge(error="insufficient_scope", scopes=("write",)), ("read", "offline_access"))
    assert caught.value.scopes == ("read", "offline_access", "write")


@pytest.mark.parametrize(
    "challenge",
    [
        Challenge(error="insufficient_scope", scopes=("read",)),
        Challenge(error="insufficient_scope"),
        Challenge(error="invalid_token", scopes=("write",)),
        Challenge(scopes=("write",)),
    ],
)
def test_a_demand_for_what_was_requested_already_leads_to_no_step_up(challenge: Challenge):
    check_challenge(challenge, ("read", "offline_access"))
