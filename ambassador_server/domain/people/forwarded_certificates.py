"""Reads the certificate of a client that a gateway forwards in `Client-Cert` and `Client-Cert-Chain` (RFC 9440)."""

import binascii
from base64 import b64decode, b64encode
from typing import Final

from ambassador_server.domain.people.gateway_requests import (
    CERTIFICATE_HEADERS,
    IDENTITY_HEADERS,
    GatewayFault,
    Headers,
    single_values,
)

CERTIFICATE: Final = "client-cert"
CHAIN: Final = "client-cert-chain"
_MOST_CHARACTERS: Final = 96 * 1024
_MOST_ABOVE: Final = 9


def forwarded_chain(headers: Headers) -> tuple[bytes, ...] | GatewayFault | None:
    """Return the forwarded certificate and those above it; None without any. Any headers may be given."""
    found = single_values(headers, CERTIFICATE_HEADERS)
    if isinstance(found, GatewayFault):
        return found
    if not found:
        return None
    # Only one form of each certificate is read, so that programs on the way cannot read another one.
    members = [found.get(CERTIFICATE, ""), *(found[CHAIN].split(",") if CHAIN in found else ())]
    if sum(map(len, members)) > _MOST_CHARACTERS or len(members) > 1 + _MOST_ABOVE:
        return GatewayFault.CERTIFICATE_MALFORMED
    chain = tuple(_bytes_of(each.strip(" \t")) for each in members)
    return chain if all(chain) else GatewayFault.CERTIFICATE_MALFORMED


def names_another_way(headers: Headers, more: frozenset[str]) -> bool:
    """Tell whether headers name a user in another way too: by an identity header, or one of `more`."""
    others = (IDENTITY_HEADERS | more) - CERTIFICATE_HEADERS
    return any(name.lower().replace("_", "-") in others for name, _ in headers)


def _bytes_of(text: str) -> bytes:
    """Return the bytes of a member between colons; none for anything else, such as base64 with spare bits."""
    inner = text[1:-1]
    if len(text) < 3 or text[0] != ":" or text[-1] != ":" or not inner.isascii():
        return b""
    try:
        found = b64decode(inner, validate=True)
    except binascii.Error:
        return b""
    return found if b64encode(found).decode() == inner else b""
