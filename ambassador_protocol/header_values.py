"""Encodes body values for HTTP headers: unchanged where possible, else as `=?base64?…?=`."""

import binascii
import re

_PLAIN = re.compile(r"[\x20-\x7e]*")
_WRAPPED = re.compile(r"=\?base64\?(.*)\?=")


def encode_header_value(value: str) -> str:
    """Return the value when it is printable ASCII without outer spaces, else its UTF-8 bytes as `=?base64?…?=`.

    Raises UnicodeEncodeError for a lone surrogate.
    """
    if _PLAIN.fullmatch(value) and value == value.strip(" ") and not _WRAPPED.fullmatch(value):
        return value
    return f"=?base64?{binascii.b2a_base64(value.encode(), newline=False).decode()}?="


def decode_header_value(value: str) -> str | None:
    """Return the decoded value, or None when the base64 form is invalid, which equals no body value."""
    wrapped = _WRAPPED.fullmatch(value)
    if wrapped is None:
        return value
    payload = wrapped[1]
    try:
        decoded = binascii.a2b_base64(payload)
        # Only the canonical form is accepted, so that every value has one encoding.
        return decoded.decode() if binascii.b2a_base64(decoded, newline=False).decode() == payload else None
    except ValueError:
        return None
