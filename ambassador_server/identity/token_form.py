"""Splits a token into its header and claims, without believing anything of it."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.ports.token_verifier import Refusal, TokenKind

LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_HEADER: Final = 4 * 1024
_LONGEST_KEY_ID: Final = 255
_TYPES: Final[Mapping[TokenKind, frozenset[str]]] = {
    TokenKind.ACCESS: frozenset({"", "jwt", "at+jwt"}),
    TokenKind.ASSERTION: frozenset({"oauth-id-jag+jwt"}),
}
"""The types of each kind; an identity token of a logout, for example, has another."""

_WORDS: Final[Mapping[TokenKind, str]] = {
    TokenKind.ACCESS: "access token",
    TokenKind.ASSERTION: "identity assertion",
}


_SIGNED_BEGINNING: Final = "ey"
"""How a JSON object begins in base64."""
_OPAQUE: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 permits as a token."""


class TokenForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a token declares."""

    algorithm: str
    key_id: str | None
    issuer: str


def is_opaque(token: str) -> bool:
    """Tell whether a token has not the form of a signed one, so that only its issuer knows what it means."""
    return not (token.startswith(_SIGNED_BEGINNING) and token.count(".") == 2)


def check_opaque(token: str) -> Refusal | None:
    """Return why an opaque token is refused before any issuer is asked, None if it is not; any text may be given."""
    if len(token) > LONGEST_TOKEN:
        return Refusal(TokenFault.TOO_LONG, f"more than {LONGEST_TOKEN:,} characters")
    if _OPAQUE.fullmatch(token) is None:
        return Refusal(TokenFault.MALFORMED, "it has characters that tokens do not have")
    return None


def read_form(token: str, kind: TokenKind = TokenKind.ACCESS) -> TokenForm | Refusal:
    """Return what a token declares; any text may be given.

    Keys and addresses in the header are never looked at: whose keys are used is decided by the table of issuers.
    """
    if len(token) > LONGEST_TOKEN:
        return Refusal(TokenFault.TOO_LONG, f"more than {LONGEST_TOKEN:,} characters")
    parts = token.split(".")
    if len(parts) != 3 or len(parts[0]) > _LONGEST_HEADER:
        return Refusal(TokenFault.MALFORMED, "not three parts with dots between them")
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None:
        return Refusal(TokenFault.MALFORMED, "header or claims are no JSON object")
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(issuer, str):
        return Refusal(TokenFault.MALFORMED, "it names no algorithm or no issuer")
    if key_id is not None and (not isinstance(key_id, str) or len(key_id) > _LONGEST_KEY_ID):
        return Refusal(TokenFault.MALFORMED, "the name of its key is no short text")
    if "crit" in header:
        return Refusal(TokenFault.NEEDS_EXTENSION, "its header demands an extension (crit)")
    named = header.get("typ", "")
    if not isinstance(named, str) or named.lower().removeprefix("application/") not in _TYPES[kind]:
        return Refusal(TokenFault.WRONG_TYPE, f"its type (typ) is not that of an {_WORDS[kind]}")
    return TokenForm(algorithm=algorithm, key_id=key_id, issuer=issuer)


def _object(part: str) -> dict[str, Any] | None:
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(decoded)
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
