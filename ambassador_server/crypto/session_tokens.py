"""Signs session tokens with HMAC-SHA-256, so that they are verified without the database."""

import binascii
import hmac
import struct
from datetime import UTC, datetime, timedelta

from ambassador_server.crypto.key_ring import KeyRing
from ambassador_server.domain.secrets.tokens import SESSION_TOKEN_PREFIX
from ambassador_server.ports.session_tokens import SessionClaims

_VERSION = 1
_CLAIMS = struct.Struct(">BH16s16sQ")
# With the MAC a token has 75 bytes, which are 100 characters without padding or unused bits: one spelling only.
_CHARACTERS = 100
_PREFIX_CHARACTERS = len(SESSION_TOKEN_PREFIX)
_TO_URL_ALPHABET = bytes.maketrans(b"+/", b"-_")
_FROM_URL_ALPHABET = bytes.maketrans(b"-_+/", b"+/!!")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class HmacSessionTokens:
    """Implements `ports.session_tokens.SessionTokens`.

    A token is version, key number, session id, client key id and expiry in milliseconds, then the MAC over these.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys.session_keys
        self._number = keys.signing_number

    def mint(self, session_id: str, key_id: str, expires_at: datetime) -> str:
        """Return a new token, signed with the newest key; raises ValueError for an id that is not a UUID."""
        claims = _CLAIMS.pack(
            _VERSION,
            self._number,
            _pack_id(session_id),
            _pack_id(key_id),
            (expires_at - _EPOCH) // _MILLISECOND,
        )
        mac = hmac.digest(self._keys[self._number], claims, "sha256")
        encoded = binascii.b2a_base64(claims + mac, newline=False).translate(_TO_URL_ALPHABET)
        return SESSION_TOKEN_PREFIX + encoded.decode("ascii")

    def verify(self, token: str) -> SessionClaims | None:
        """Return the claims of a token with a valid signature, expired or not; None for anything else."""
        if len(token) != _PREFIX_CHARACTERS + _CHARACTERS or not token.startswith(SESSION_TOKEN_PREFIX):
            return None
        try:
            encoded = token[_PREFIX_CHARACTERS:].encode("ascii").translate(_FROM_URL_ALPHABET)
            raw = binascii.a2b_base64(encoded, strict_mode=True)
            claims, mac = raw[: _CLAIMS.size], raw[_CLAIMS.size :]
            version, number, session_id, key_id, expires_at = _CLAIMS.unpack(claims)
        except (UnicodeEncodeError, binascii.Error, struct.error):
            return None
        key = self._keys.get(number)
        if version != _VERSION or key is None:
            return None
        if not hmac.compare_digest(mac, hmac.digest(key, claims, "sha256")):
            return None
        return SessionClaims(
            _unpack_id(session_id), _unpack_id(key_id), _EPOCH + timedelta(milliseconds=expires_at)
        )


def _pack_id(text: str) -> bytes:
    packed = bytes.fromhex(text.replace("-", ""))
    if len(packed) != 16 or _unpack_id(packed) != text:
        raise ValueError("not a UUID in its canonical form")
    return packed


def _unpack_id(packed: bytes) -> str:
    text = packed.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
