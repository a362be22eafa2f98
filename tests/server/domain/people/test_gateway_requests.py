"""Identity headers mean one thing or nothing, and what names users names exactly one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.admin.issuer_presets import DEFAULTS, PRESETS, fields_of_gateway
from ambassador_server.domain.people.certificates import NameKind, PeerCertificate
from ambassador_server.domain.people.gateway_requests import (
    GatewayFault,
    certificate_names,
    header_claims,
    headers_of,
    single_values,
)
from ambassador_server.domain.people.issuers import Issuer, KeySource, check_issuer
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity, read_claims
from ambassador_server.errors import InvalidInputError

NOW = datetime(2026, 11, 30, tzinfo=UTC)
GATEWAY_PRESETS = ("traefik", "apim", "open-webui-headers")


def issuer(preset: str = "traefik") -> Issuer:
    fields = {**DEFAULTS, **PRESETS[preset], **fields_of_gateway("edge"), "group_prefix": "edge."}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    values["key_source"] = KeySource(values["key_source"])
    times = {"created_at": NOW, "created_by": "a test", "updated_at": NOW}
    return Issuer(**values, issuer_id="0", name="edge", owner=None, **times)


EDGE = replace(issuer(), group_claims=("x-user-groups", "x-user-admin"))


@pytest.mark.parametrize("preset", GATEWAY_PRESETS)
def test_presets_of_gateways_are_good_and_name_the_user_by_one_header(preset: str) -> None:
    made = issuer(preset)
    check_issuer(made)
    assert len(made.user_claims) == 1
    assert all("_" not in name for name in headers_of(made))


@pytest.mark.parametrize(
    "change",
    [
        {"user_claims": ("x-user-email", "x-forwarded-user")},
        {"user_claims": ("authorization",)},
        {"user_claims": ("X-User-Email",)},
        {"user_claims": ("x_user_email",)},
        {"subject_claim": "sub"},
        {"group_claims": ("x-session-token",)},
        {"audiences": ("a",)},
        {"scopes": ("a",)},
        {"key_place": "env://SECRET"},
        {"private_addresses": True},
        {"url": "https://edge.example.com"},
        {"url": "gateway:"},
        {"url": "gateway:two words"},
        {"key_source": KeySource.SECRET},
    ],
)
def test_rules_of_a_gateway_that_could_be_taken_for_others_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        check_issuer(replace(EDGE, **change))


SPELLINGS = st.sampled_from(["X-User-Email", "x-user-email", "X-USER-EMAIL", "X_User_Email", "x-user_email"])
VALUES = st.text(st.characters(max_codepoint=0x2FF), max_size=30) | st.sampled_from(
    ["a@b.example", "", " ", "a,b"]
)


@given(st.lists(st.tuples(SPELLINGS | st.text(max_size=12), VALUES), max_size=6))
def test_of_several_spellings_of_a_header_none_is_chosen(headers: list[tuple[str, str]]) -> None:
    found = single_values(headers, ("x-user-email",))
    alike = [(name, value) for name, value in headers if name.lower().replace("_", "-") == "x-user-email"]
    if not alike:
        assert found == {}
    elif len(alike) == 1 and "_" not in alike[0][0]:
        assert found == {"x-user-email": alike[0][1].strip()}
    else:
        assert found is GatewayFault.AMBIGUOUS_HEADER


@given(
    st.lists(
        st.tuples(st.sampled_from(["X-User-Email", "X-User-Groups", "X-User-Admin", "Exp"]), VALUES),
        max_size=5,
    )
)
def test_any_headers_name_one_user_or_are_refused(headers: list[tuple[str, str]]) -> None:
    claims = header_claims(headers, EDGE)
    if isinstance(claims, GatewayFault):
        return
    found = read_claims({**claims, "iss": EDGE.url, "exp": NOW.timestamp() + 60}, EDGE, NOW)
    assert isinstance(found, TokenFault | TokenIdentity)
    if isinstance(found, TokenIdentity):
        (value,) = [value for name, value in headers if name == "X-User-Email"]
        assert found.user_name == value.strip()
        assert "," not in found.user_name


def test_groups_are_a_list_and_very_many_are_none() -> None:
    def groups(text: str) -> tuple[str, ...] | TokenFault:
        claims = header_claims([("X-User-Email", "a@b.example"), ("X-User-Groups", text)], EDGE)
        assert not isinstance(claims, GatewayFault)
        found = read_claims({**claims, "iss": EDGE.url, "exp": NOW.timestamp() + 60}, EDGE, NOW)
        return found.groups if isinstance(found, TokenIdentity) else found

    assert groups(" eng , ops,,eng,") == ("eng", "ops")
    assert groups("Köln") == ("Köln",)
    assert groups("\udcff,eng") == ("eng",)
    assert len(groups(",".join(map(str, range(1000))))) == 1000  # type: ignore[arg-type]
    assert groups(",".join(map(str, range(1001)))) == ()


def test_names_of_certificates_have_their_kind() -> None:
    names = ((NameKind.DNS, "Edge.Acme.example"), (NameKind.URI, "spiffe://Acme/edge"))
    made = PeerCertificate(chain=(), authorities=(), serial="1", names=names, units=(), expires_at=NOW)
    assert certificate_names(made) == {"dns:edge.acme.example", "uri:spiffe://Acme/edge"}
