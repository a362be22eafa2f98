"""Forwarded certificates (RFC 9440) are read in one form alone, whatever the headers say, in their order and bounds."""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.crypto.client_trust import MOST_BYTES, MOST_IN_CHAIN, ClientTrust
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.domain.people.forwarded_certificates import forwarded_chain
from ambassador_server.domain.people.gateway_requests import (
    CERTIFICATE_HEADERS,
    IDENTITY_SPELLINGS,
    GatewayFault,
)
from tests.authorities import Authority, email

ROOT = Authority("Root")
MIDDLE = Authority("Middle", ROOT)
BELOW = Authority("Below", MIDDLE)
STRANGER = Authority("Stranger")
ALICE = BELOW.issue(email("alice@acme.example"))
CHAIN = [*ALICE.chain, *MIDDLE.issue(email("x@acme.example")).chain[1:]]
OTHERS = [*STRANGER.issue(email("bob@acme.example")).chain, *BELOW.issue(email("bob@acme.example")).chain]


def item(data: bytes) -> str:
    return f":{b64encode(data).decode()}:"


NAMES = st.sampled_from(
    sorted(name for name, meant in IDENTITY_SPELLINGS.items() if meant in CERTIFICATE_HEADERS)
).flatmap(lambda name: st.sampled_from([name, name.title(), name.upper()]))
PIECES = st.sampled_from(
    [
        *(
            ":",
            "::",
            ",",
            ";",
            "=",
            "==",
            '"',
            "?1",
            "(",
            ")",
            "*",
            "\\",
            " ",
            "\t",
            "\x00",
            "\xff",
            "\u212a",
        ),
        *(item(b"x"), item(b"\x30\x82"), "QQ", ":QQ==:", ":QR==:", "a=1", "-", "_", "%3A", "\r\n"),
        "-----BEGIN CERTIFICATE-----",
    ]
)
VALUES = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.text(max_size=60),
    st.lists(st.binary(min_size=1, max_size=40).map(item), max_size=14).map(", ".join),
)
HEADERS = st.lists(st.tuples(NAMES | st.text(max_size=20), VALUES), max_size=6)
SPACES = st.text(" \t", max_size=3)


@given(headers=HEADERS)
def test_any_headers_are_a_chain_a_fault_or_nothing(headers: list[tuple[str, str]]) -> None:
    found = forwarded_chain(headers)
    mine = [
        (name, value)
        for name, value in headers
        if IDENTITY_SPELLINGS.get(name.lower()) in CERTIFICATE_HEADERS
    ]
    if found is None:
        assert mine == []
        return
    if isinstance(found, GatewayFault):
        assert found in (GatewayFault.AMBIGUOUS_HEADER, GatewayFault.CERTIFICATE_MALFORMED)
        return
    # What is read has one spelling of names, once each, and one form of bytes.
    values = {name.lower(): value for name, value in mine}
    assert len(values) == len(mine)
    assert values.keys() <= CERTIFICATE_HEADERS
    assert len(found) <= MOST_IN_CHAIN
    assert item(found[0]) == values["client-cert"].strip(" \t")
    above = values["client-cert-chain"].split(",") if "client-cert-chain" in values else []
    assert [item(each) for each in found[1:]] == [each.strip(" \t") for each in above]


@given(chain=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=12), spaces=SPACES)
def test_a_chain_is_read_in_its_order_and_as_it_is(chain: list[bytes], spaces: str) -> None:
    headers = [("Client-Cert", item(chain[0]))]
    if chain[1:]:
        headers.append(("Client-Cert-Chain", f"{spaces},{spaces}".join(map(item, chain[1:]))))
    expected = tuple(chain) if len(chain) <= MOST_IN_CHAIN else GatewayFault.CERTIFICATE_MALFORMED
    assert forwarded_chain(headers) == expected
    assert forwarded_chain(headers[::-1]) == expected


@given(data=st.binary(min_size=1, max_size=80), at=st.integers(0, 200), junk=PIECES)
def test_nothing_can_be_put_into_a_certificate_without_being_seen(data: bytes, at: int, junk: str) -> None:
    good = item(data)
    at %= len(good) + 1
    changed = good[:at] + junk + good[at:]
    found = forwarded_chain([("Client-Cert", changed)])
    if isinstance(found, tuple):
        assert item(found[0]) == changed.strip(" \t")
        assert len(found) == 1


@given(again=NAMES, value=VALUES)
def test_a_second_header_by_any_spelling_is_a_fault(again: str, value: str) -> None:
    headers = [("Client-Cert", item(b"x")), ("Client-Cert-Chain", item(b"y")), (again, value)]
    for order in (headers, headers[::-1]):
        assert forwarded_chain(order) is GatewayFault.AMBIGUOUS_HEADER


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("count", [1, 2, MOST_IN_CHAIN])
def test_the_characters_of_a_chain_are_bounded(count: int, beyond: bool) -> None:
    bytes_each = 96 * 1024 * 3 // 4 // count - 3
    headers = [("Client-Cert", item(b"x" * (bytes_each + 100 * beyond)))]
    if count > 1:
        more = [item(b"x" * (bytes_each + 100 * beyond))] * (count - 1)
        headers.append(("Client-Cert-Chain", ",".join(more)))
    found = forwarded_chain(headers)
    assert (found is GatewayFault.CERTIFICATE_MALFORMED) is beyond
    if isinstance(found, tuple):
        # A header may be longer than a chain; the chain is bounded again where it is verified.
        assert sum(map(len, found)) > MOST_BYTES


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> ClientTrust:
    ca_file: Path = tmp_path_factory.mktemp("trust") / "ca.pem"
    ca_file.write_text(ROOT.pem)
    return ClientTrust.read(ca_file, None)


@given(
    more=st.permutations([*CHAIN[1:], *OTHERS]), kept=st.integers(0, 6), first=st.sampled_from(CHAIN + OTHERS)
)
def test_no_order_of_a_chain_makes_another_certificate_of_the_first(
    trust: ClientTrust, more: list[bytes], kept: int, first: bytes
) -> None:
    sent = [first, *more[:kept]]
    headers: list[Any] = [("Client-Cert", item(first)), ("Client-Cert-Chain", ", ".join(map(item, sent[1:])))]
    chain = forwarded_chain(headers if kept else headers[:1])
    assert chain == tuple(sent)
    found = trust.examine(chain, datetime.now(UTC))
    if isinstance(found, CertificateFault):
        return
    assert isinstance(found, PeerCertificate)
    # It names whom the first certificate names, and only what leads to the root counts.
    assert first in (CHAIN[0], OTHERS[1])
    assert found.names[0][1] == ("alice@acme.example" if first == CHAIN[0] else "bob@acme.example")
    assert found.authorities[-1] == ROOT.fingerprint
    assert STRANGER.fingerprint not in found.authorities


def test_a_chain_in_the_wrong_order_is_the_same_chain(trust: ClientTrust) -> None:
    for chain in (CHAIN, [CHAIN[0], *CHAIN[:0:-1]]):
        assert isinstance(trust.examine(chain, datetime.now(UTC)), PeerCertificate)
    assert trust.examine(CHAIN[::-1], datetime.now(UTC)) is not None
    assert isinstance(trust.examine(CHAIN[::-1], datetime.now(UTC)), CertificateFault)
