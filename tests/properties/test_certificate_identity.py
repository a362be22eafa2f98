"""Whom a certificate names does not depend on the order of its names, and never on more than one part of a name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.certificate_identity import read_names
from ambassador_server.domain.people.certificates import NameKind, PeerCertificate
from ambassador_server.domain.people.issuers import KeySource, check_issuer, serial_number
from ambassador_server.domain.people.name_rules import read_rule
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity
from ambassador_server.errors import InvalidInputError
from tests.conformance.store_samples import issuer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AUTHORITY = issuer(
    url=f"sha256:{'a' * 64}",
    key_source=KeySource.CERTIFICATES,
    key_place=None,
    audiences=(),
    algorithms=(),
    scopes=(),
    private_addresses=False,
    user_claims=("email:{user}@acme.example", "uri:spiffe://acme/{user}", "dns:{user}.people.acme.example"),
    group_claims=(),
)
NAMES = st.lists(
    st.tuples(
        st.sampled_from(NameKind),
        st.sampled_from(
            [
                "alice@acme.example",
                "bob@acme.example",
                "spiffe://acme/alice",
                "spiffe://acme/alice/x",
                "alice.people.acme.example",
                "a.b.people.acme.example",
                "alice@acme.example.evil",
                "x@y@acme.example",
            ]
        )
        | st.text(max_size=40),
    ),
    max_size=8,
)


def peer(
    *names: tuple[NameKind, str], serial: str = "1f", ends: timedelta = timedelta(hours=1)
) -> PeerCertificate:
    return PeerCertificate(
        chain=(b"x",), authorities=(), serial=serial, names=names, units=("eng",), expires_at=NOW + ends
    )


@given(NAMES, st.randoms(use_true_random=False))
def test_order_of_names_and_rules_never_matters(names: list[tuple[NameKind, str]], random: object) -> None:
    found = read_names(peer(*names), AUTHORITY, NOW)
    other = replace(AUTHORITY, user_claims=AUTHORITY.user_claims[::-1])
    again = read_names(peer(*names[::-1]), other, NOW)
    if isinstance(found, TokenFault) or isinstance(again, TokenFault):
        assert found == again
    else:
        assert found.user_name == again.user_name
        assert not {"@", "/", ":"} & {*found.user_name}


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ([(NameKind.EMAIL, "alice@acme.example"), (NameKind.URI, "spiffe://acme/bob")], "ambiguous_user"),
        ([(NameKind.DNS, "alice@acme.example")], "no_user_name"),
        ([(NameKind.DNS, "a.b.people.acme.example")], "no_user_name"),
        ([(NameKind.EMAIL, "@acme.example")], "no_user_name"),
        ([(NameKind.EMAIL, "alice@acme.example\n")], "no_user_name"),
        ([(NameKind.EMAIL, "alice@acmeXexample")], "no_user_name"),
        ([], "no_user_name"),
    ],
)
def test_names_that_are_no_user_are_refused(names: list[tuple[NameKind, str]], fault: str) -> None:
    assert read_names(peer(*names), AUTHORITY, NOW) == fault


def test_ended_and_revoked_certificates_name_nobody() -> None:
    alice = (NameKind.EMAIL, "alice@acme.example")
    assert isinstance(read_names(peer(alice), AUTHORITY, NOW), TokenIdentity)
    assert read_names(peer(alice, ends=timedelta(0)), AUTHORITY, NOW) is TokenFault.EXPIRED
    assert read_names(peer(alice), replace(AUTHORITY, revoked=("1f",)), NOW) is TokenFault.REVOKED


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        kind, pattern = read_rule(text)
    except InvalidInputError:
        return
    assert text.startswith(f"{kind}:")
    assert pattern.groups == 1


@given(st.text(max_size=30))
def test_any_text_is_a_serial_number_or_refused(text: str) -> None:
    try:
        number = serial_number(text)
    except InvalidInputError:
        return
    assert f"{int(number, 16):x}" == number


def test_serial_numbers_are_compared_in_one_form() -> None:
    assert {serial_number(each) for each in ("3A:0F", "0x3a0f", "003A0F")} == {"3a0f"}


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://login.example.com"},
        {"user_claims": ("email:*@acme.example",)},
        {"user_claims": ("upn:{user}",)},
        {"user_claims": ("email:{user}{user}",)},
        {"group_claims": ("groups",)},
        {"scopes": ("x",)},
        {"audiences": ("x",)},
    ],
)
def test_rules_that_could_not_be_followed_are_refused(change: dict[str, object]) -> None:
    check_issuer(AUTHORITY)
    with pytest.raises(InvalidInputError):
        check_issuer(replace(AUTHORITY, **change))  # type: ignore[arg-type]
