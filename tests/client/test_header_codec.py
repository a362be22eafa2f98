"""The header encoding, compared with that of the MCP SDK."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp.shared import inbound

from ambassador_protocol.header_values import decode_header_value, encode_header_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NEARLY = st.one_of(
    TEXT,
    st.text("=?base64 /+AQgw\t\r\n", max_size=30),
    st.binary(max_size=12).map(lambda raw: f"=?base64?{base64.b64encode(raw).decode()}?="),
    st.text("ABab01+/=\n ?", max_size=12).map(lambda payload: f"=?base64?{payload}?="),
)


@given(NEARLY)
@example("")
@example(" x")
@example("x\t")
@example("=?base64??=")
def test_encoding_equals_the_sdks(value: str):
    assert encode_header_value(value) == inbound.encode_header_value(value)


@given(NEARLY)
@example("=?base64?QR==?=")
@example("=?base64?QQ=?=")
@example("=?base64?/w==?=")
@example("=?BASE64?QQ==?=")
@example("=?base64?\u00e9?=")
def test_decoding_equals_the_sdks(value: str):
    try:
        expected = inbound.decode_header_value(value)
    except ValueError:
        expected = None  # the SDK fails on a payload outside ASCII, which is one more damaged sentinel
    assert decode_header_value(value) == expected


@given(TEXT)
def test_every_text_survives_encoding_and_decoding(value: str):
    encoded = encode_header_value(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert decode_header_value(encoded) == value


def test_an_unpaired_surrogate_cannot_be_encoded():
    with pytest.raises(UnicodeEncodeError):
        encode_header_value("\ud800")
