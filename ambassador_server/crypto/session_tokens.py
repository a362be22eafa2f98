"""Session tokens: signed with HMAC-SHA-256, so that a genuine one is known without a database."""

import base64
import binascii
import hmac
import struct
import uuid
from datetime import UTC, datetime

from ambassador_server.crypto.keys import KeyRing
from ambassador_server.domain.tokens import SESSION_TOKEN_PREFIX
from ambassador_server.ports.session_tokens import SessionClaims

_VERSION = 1
_CLAIMS = struct.Struct(">BB16s16sQ")
_MAC_BYTES = 32
_BODY_CHARACTERS = 99  # 74 bytes in base64url without padding


class HmacSessionTokens:
    """Implements `ports.session_tokens.SessionTokens`.

    A token is version, key number, session id, client key id and expiry in milliseconds, then the MAC over all of it.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def mint(self, session_id: str, key_id: str, expires_at: datetime) -> str:
        """Return a new token, signed with the newest key."""
        number = self._keys.signing_number
        claims = _CLAIMS.pack(
            _VERSION,
            number,
            uuid.UUID(session_id).bytes,
            uuid.UUID(key_id).bytes,
            int(expires_at.timestamp() * 1000),
        )
        mac = hmac.digest(self._keys.session_keys[number], claims, "sha256")
        return SESSION_TOKEN_PREFIX + base64.urlsafe_b64encode(claims + mac).rstrip(b"=").decode()

    def verify(self, token: str) -> SessionClaims | None:
        """Return the claims of a genuine token; anything else is None, never an error."""
        raw = _decode(token)
        if raw is None:
            return None
        claims, mac = raw[: _CLAIMS.size], raw[_CLAIMS.size :]
        version, number, session_id, key_id, expires_ms = _CLAIMS.unpack(claims)
        key = self._keys.session_keys.get(number)
        if version != _VERSION or key is None:
            return None
        if not hmac.compare_digest(mac, hmac.digest(key, claims, "sha256")):
            return None
        expires_at = datetime.fromtimestamp(expires_ms / 1000, UTC)
        return SessionClaims(str(uuid.UUID(bytes=session_id)), str(uuid.UUID(bytes=key_id)), expires_at)


def _decode(token: str) -> bytes | None:
    body = token[len(SESSION_TOKEN_PREFIX) :]
    if not token.startswith(SESSION_TOKEN_PREFIX) or len(body) != _BODY_CHARACTERS or not token.isascii():
        return None
    try:
        raw = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    # The last character carries bits that no byte uses: only one of its spellings is ours.
    if len(raw) != _CLAIMS.size + _MAC_BYTES or base64.urlsafe_b64encode(raw)[:-1] != body.encode():
        return None
    return raw
