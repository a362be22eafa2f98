"""A signature of a gateway is good once, for what it was made for, for a minute."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER, read_signature, sign
from ambassador_server.crypto.gateway_signatures import HmacGatewaySignatures, SeenSignatures
from ambassador_server.domain.people.gateway_requests import GatewayFault, SignedPart, SignedRequest
from tests.fakes.clock import ManualClock

SECRETS = (b"the old secret of a gateway, 32 bytes", b"the new secret of a gateway, 32 bytes")
TIME = 1_764_480_000
HEADERS = {"X-User-Email": "alice@acme.example", "X-User-Groups": "eng"}


class Signer:
    """Checks requests at a time that a test sets."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock(datetime.fromtimestamp(TIME, UTC))
        self.signatures = HmacGatewaySignatures(SECRETS, self.clock, **options)
        self.number = 0

    def check(
        self, secret: bytes = SECRETS[0], sent: Any = None, **changes: Any
    ) -> SignedPart | GatewayFault:
        """Sign a request and check it as it is `sent`, if that differs."""
        self.number += 1
        made = {
            "method": "POST",
            "target": "/mcp?a=b",
            "body": b"{}",
            "headers": HEADERS,
            "time": TIME,
            "nonce": f"nonce-{self.number:012}",
            **changes,
        }
        value = sign(secret, **made)
        headers = [*made["headers"].items(), (SIGNATURE_HEADER, value), ("Content-Type", "application/json")]
        request = {"method": made["method"], "target": made["target"], "headers": headers, **(sent or {})}
        if callable(request["headers"]):
            request["headers"] = request["headers"](headers)
        return self.signatures.check(SignedRequest(**request))


def test_a_signature_vouches_for_the_headers_that_it_names() -> None:
    signer = Signer()
    for secret in SECRETS:
        part = signer.check(secret)
        assert isinstance(part, SignedPart)
        assert dict(part.headers) == {"x-user-email": "alice@acme.example", "x-user-groups": "eng"}
    assert signer.check(b"another secret") is GatewayFault.SIGNATURE_WRONG


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({"method": "GET"}, GatewayFault.SIGNATURE_WRONG),
        ({"target": "/mcp?a=c"}, GatewayFault.SIGNATURE_WRONG),
        ({"target": "/mcp"}, GatewayFault.SIGNATURE_WRONG),
        ({"headers": lambda h: [("X-User-Email", "bob@acme.example"), *h[1:]]}, GatewayFault.SIGNATURE_WRONG),
        ({"headers": lambda h: h[1:]}, GatewayFault.SIGNATURE_WRONG),
        ({"headers": lambda h: [*h, h[0]]}, GatewayFault.AMBIGUOUS_HEADER),
        ({"headers": lambda h: [*h, ("x_user_email", "bob")]}, GatewayFault.AMBIGUOUS_HEADER),
        ({"headers": lambda h: [*h, h[2]]}, GatewayFault.SIGNATURE_MALFORMED),
        ({"headers": lambda h: [*h[:2], (h[2][0], h[2][1].upper())]}, GatewayFault.SIGNATURE_MALFORMED),
        ({"headers": lambda h: [*h[:2], (h[2][0], f"{h[2][1]};t=1")]}, GatewayFault.SIGNATURE_MALFORMED),
        ({"headers": lambda h: h[:2]}, GatewayFault.SIGNATURE_MALFORMED),
    ],
)
def test_what_was_not_signed_is_refused(sent: dict[str, Any], fault: GatewayFault) -> None:
    signer = Signer()
    assert signer.check(sent=sent) is fault
    assert isinstance(signer.check(), SignedPart)


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-60, True), (0, True), (60, True), (61, False)])
def test_clocks_may_differ_by_a_minute(seconds: int, good: bool) -> None:
    found = Signer().check(time=TIME + seconds)
    assert isinstance(found, SignedPart) if good else found is GatewayFault.SIGNATURE_TIME


@given(
    st.lists(st.integers(-60, 60), min_size=1, max_size=8),
    st.lists(st.integers(0, 40), min_size=1, max_size=12),
)
def test_no_signature_is_ever_good_twice(times: list[int], pauses: list[int]) -> None:
    signer = Signer()
    for number, offset in enumerate(times):
        assert isinstance(signer.check(time=TIME + offset, nonce=f"nonce-of-{number:012}"), SignedPart)
    for pause in pauses:
        signer.clock.advance(pause)
        for number, offset in enumerate(times):
            again = signer.check(time=TIME + offset, nonce=f"nonce-of-{number:012}")
            assert again in (GatewayFault.SIGNATURE_REPLAYED, GatewayFault.SIGNATURE_TIME)


def test_a_full_memory_refuses_and_wrong_signatures_do_not_fill_it() -> None:
    signer = Signer(most=2)
    for _ in range(5):
        assert signer.check(b"another secret") is GatewayFault.SIGNATURE_WRONG
    assert isinstance(signer.check(), SignedPart)
    assert isinstance(signer.check(), SignedPart)
    assert signer.check() is GatewayFault.SIGNATURES_FULL
    signer.clock.advance(90)
    assert isinstance(signer.check(time=TIME + 90), SignedPart)


def test_a_clock_that_is_set_back_brings_no_signature_back() -> None:
    seen = SeenSignatures(10)
    assert seen.add("a", TIME + 60, TIME) is None
    assert seen.add("b", TIME + 260, TIME + 200) is None
    assert seen.add("a", TIME + 60, TIME) is GatewayFault.SIGNATURE_TIME


@given(st.text(max_size=300))
def test_any_text_is_a_signature_or_none(text: str) -> None:
    found = read_signature(text)
    assert found is None or found.text() == text


def test_lines_cannot_be_moved_between_what_is_signed() -> None:
    signer, one = Signer(), {"headers": {"x-a": "1", "x-b": "2"}}
    swapped = {"headers": lambda h: [("x-a", "2"), ("x-b", "1"), *h[2:]]}
    assert signer.check(**one, sent=swapped) is GatewayFault.SIGNATURE_WRONG
