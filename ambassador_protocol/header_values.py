"""How a value of the body travels in an HTTP header: as it is, or wrapped as `=?base64?…?=`."""

import binascii
import re

_PLAIN = re.compile(r"[\x20-\x7e]*")
_WRAPPED = re.compile(r"=\?base64\?(.*)\?=")


def encode_header_value(value: str) -> str:
    """Return the value itself when a header carries it unharmed, else the sentinel form of its UTF-8 bytes.

    Raises UnicodeEncodeError for a lone surrogate, which has no UTF-8 form.
    """
    if _PLAIN.fullmatch(value) and value == value.strip(" ") and not _WRAPPED.fullmatch(value):
        return value
    return f"=?base64?{binascii.b2a_base64(value.encode(), newline=False).decode()}?="


def decode_header_value(value: str) -> str | None:
    """Return what was encoded, or None for a damaged sentinel, so that it never equals a body value by accident."""
    wrapped = _WRAPPED.fullmatch(value)
    if wrapped is None:
        return value
    payload = wrapped[1]
    try:
        decoded = binascii.a2b_base64(payload)
        # Only the canonical form is accepted: one value, one spelling.
        return decoded.decode() if binascii.b2a_base64(decoded, newline=False).decode() == payload else None
    except ValueError:
        return None
