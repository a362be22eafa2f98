"""Sealed values are opened only unchanged, in their context, and with a key of the ring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.crypto.sealing import AesGcmSealer

OLD, NEW = b"o" * 32, b"n" * 32
SEALER = AesGcmSealer({1: OLD, 2: NEW})


@given(st.binary(max_size=300), st.binary(max_size=30))
def test_what_was_sealed_is_opened_in_its_context_alone(content: bytes, context: bytes):
    sealed = SEALER.seal(content, context)
    assert SEALER.open(sealed, context) == content
    assert SEALER.open(sealed, context + b"x") is None
    assert content not in sealed.encode() or len(content) < 4


@given(st.data())
def test_no_changed_text_is_opened(data: st.DataObject):
    sealed = SEALER.seal(b"a state", b"alice")
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("AZaz09-_=+/. é\0"))
    changed = sealed[:at] + other + sealed[at + 1 :]
    assert (SEALER.open(changed, b"alice") is not None) == (changed == sealed)


@given(st.text(max_size=80))
def test_any_other_text_is_no_sealed_value(text: str):
    assert SEALER.open(text, b"alice") is None


def test_an_older_key_still_opens_and_an_unknown_one_does_not():
    sealed = AesGcmSealer({1: OLD}).seal(b"x", b"c")
    assert SEALER.open(sealed, b"c") == b"x"
    assert AesGcmSealer({2: NEW}).open(sealed, b"c") is None
    assert AesGcmSealer({1: NEW}).open(sealed, b"c") is None


def test_two_seals_of_one_value_differ():
    assert SEALER.seal(b"x", b"c") != SEALER.seal(b"x", b"c")


@pytest.mark.parametrize("sealed", ["", "A", "AQ", "AQAB", "A" * 40, "AQAC" + "A" * 60])
def test_what_is_too_short_or_of_another_version_is_refused(sealed: str):
    assert SEALER.open(sealed, b"c") is None
