"""Fingerprints as people write them, and the certificates they belong to."""

import base64
import hashlib
import ssl
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.certificates import (
    certificates_in,
    find_certificate,
    fingerprint_of,
    parse_fingerprint,
    validity_of,
)
from tests import authorities
from tests.authorities import HOUR, Authority, email

DERS = st.lists(st.binary(min_size=1, max_size=200), max_size=4)


@given(digest=st.binary(min_size=32, max_size=32), prefix=st.sampled_from(["", "sha256:", "SHA256:"]))
def test_a_fingerprint_is_read_however_it_is_written(digest: bytes, prefix: str):
    for text in (digest.hex(), digest.hex(":").upper(), f" {digest.hex(' ')}\n"):
        assert parse_fingerprint(prefix + text) == digest.hex()


@pytest.mark.parametrize("text", ["", "sha256:", "ab" * 31, "ab" * 33, "g" * 64, "ab-" * 32, "\u0661" * 64])
def test_what_is_no_fingerprint_is_refused(text: str):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        parse_fingerprint(text)


@given(ders=DERS)
def test_certificates_come_out_of_a_text_as_they_went_in(ders: list[bytes]):
    text = "a comment\n" + "between\n".join(map(ssl.DER_cert_to_PEM_cert, ders))
    assert list(certificates_in(text)) == ders
    for der in ders:
        assert fingerprint_of(der) == hashlib.sha256(der).hexdigest()
        assert find_certificate(certificates_in(text), fingerprint_of(der)) == ssl.DER_cert_to_PEM_cert(der)
    assert find_certificate(ders, "0" * 64) is None


@given(text=st.text())
def test_any_other_text_holds_no_certificate(text: str):
    assert list(certificates_in(text)) == []


def test_what_cannot_be_read_is_passed_over_and_no_more_than_the_first_are_read():
    broken = "-----BEGIN CERTIFICATE-----\n=abc\n-----END CERTIFICATE-----\n"
    whole = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(b'x').decode()}\n-----END CERTIFICATE-----\n"
    assert list(certificates_in(broken + whole)) == [b"x"]
    assert len(list(certificates_in(whole * 1000))) == 16


AUTHORITY = Authority()
GOOD = authorities.der(AUTHORITY.issue(email("alice@acme.example")).certificate)


@pytest.mark.parametrize("years", [-50, -1, 0, 5, 23, 24, 60])
def test_the_times_of_a_certificate_are_read_in_both_forms(years: int):
    certificate = AUTHORITY.issue(email("a@b.example"), begins=-2 * HOUR, ends=HOUR).certificate
    moved = datetime.now(UTC) - 2 * HOUR
    begins = (moved.replace(day=1, year=moved.year + years) - moved) - 2 * HOUR
    made = AUTHORITY.issue(email("a@b.example"), begins=begins, ends=begins + HOUR).certificate
    for each in (certificate, made):
        begin, end = validity_of(authorities.der(each))
        assert begin == f"{each.not_valid_before_utc:%Y%m%d%H%M%S}Z"
        assert end == f"{each.not_valid_after_utc:%Y%m%d%H%M%S}Z"


@given(data=st.binary(max_size=400))
def test_any_bytes_have_times_or_are_no_certificate(data: bytes):
    with pytest.raises(ValueError, match="certificate"):
        validity_of(data)


@given(at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255), length=st.integers(0, len(GOOD)))
def test_a_damaged_certificate_has_times_or_is_none(at: int, byte: int, length: int):
    for data in (GOOD[:at] + bytes([byte]) + GOOD[at + 1 :], GOOD[:length]):
        try:
            begin, end = validity_of(data)
        except ValueError:
            continue
        assert (len(begin), len(end)) == (15, 15)
