"""Says by what the server knows a user: by a key, or by a certificate that stands alone."""

from collections.abc import Mapping
from typing import Any


def known_by(me: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answer to GET /v1/me says of the key, and of the certificate or token in its place."""
    key, token = me.get("key") or {}, me.get("token") or {}
    certificate = None
    if token.get("serial") is not None:
        certificate = f"{token['serial']} of {token.get('issuer')}"
    return {
        "key": key.get("name"),
        "key_expires_at": key.get("expires_at"),
        "certificate": certificate,
        "certificate_expires_at": None if certificate is None else token.get("expires_at"),
    }


def identity_text(me: Mapping[str, Any]) -> str:
    """Return one line with the user, and the key or the certificate."""
    known = known_by(me)
    by = f"certificate {known['certificate']}" if known["certificate"] else f"key {known['key']}"
    return f"user {me.get('user')}, {by}"
