"""Reads the claims of an ID token whose signature is verified: did its user sign in here, and just now."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import SKEW, TokenFault, TokenIdentity, read_claims

LATEST: Final = timedelta(minutes=5)
"""How long after its issue an ID token can be exchanged."""
_MARGIN: Final = timedelta(minutes=5)
_OF_ACCESS_TOKENS: Final = frozenset({"scope", "scp", "client_id"})
_NONCE_LENGTHS: Final = range(32, 129)


class SignInFault(StrEnum):
    """Why a sign-in is refused whose token is good otherwise."""

    NO_LOGIN = "no_login"
    NO_ID_TOKEN = "no_id_token"
    WRONG_PARTY = "wrong_party"
    WRONG_NONCE = "wrong_nonce"
    NOT_RECENT = "not_recent"
    USED_ALREADY = "used_already"
    NO_ROLE = "no_role"


class SignInIdentity(Struct, frozen=True, kw_only=True):
    """Whom an ID token names; from `over_at` on it is too old on every server, whatever its clock says."""

    identity: TokenIdentity
    over_at: datetime


def read_sign_in(
    claims: Mapping[str, Any], issuer: Issuer, nonce: str, now: datetime
) -> SignInIdentity | TokenFault | SignInFault:
    """Return whom verified claims name, or why they are refused; any JSON object may be given.

    `nonce` is the secret whose digest the token has. A token of a device flow may have none.
    """
    if issuer.login_client_id is None:
        return SignInFault.NO_LOGIN
    # What an issuer demands of access tokens is no matter of those for the login client.
    as_client = replace(issuer, audiences=(issuer.login_client_id,), scopes=())
    identity = read_claims(claims, as_client, now)
    if isinstance(identity, TokenFault):
        return identity
    issued_at = _issued_at(claims)
    if not _is_id_token(claims):
        return SignInFault.NO_ID_TOKEN
    if not _is_for(claims, issuer.login_client_id):
        return SignInFault.WRONG_PARTY
    if "nonce" in claims and not _has_nonce(claims["nonce"], nonce):
        return SignInFault.WRONG_NONCE
    if issued_at is None or issued_at + LATEST + SKEW <= now:
        return SignInFault.NOT_RECENT
    return SignInIdentity(identity=identity, over_at=issued_at + LATEST + SKEW + _MARGIN)


def nonce_of(secret: str) -> str:
    """Return the nonce that a provider is given for this secret."""
    return base64.urlsafe_b64encode(sha256(secret.encode()).digest()).rstrip(b"=").decode()


def _is_id_token(claims: Mapping[str, Any]) -> bool:
    """Tell whether this can be an ID token; access tokens, which other servers see, have claims that it has not."""
    return _OF_ACCESS_TOKENS.isdisjoint(claims) and claims.get("typ", "ID") == "ID"


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    """Tell whether the client is the only audience, or the one that the token was issued to."""
    audience = claims.get("aud")
    is_only = audience in (client_id, [client_id])
    return claims["azp"] == client_id if "azp" in claims else is_only


def _has_nonce(claimed: Any, secret: str) -> bool:
    if not isinstance(claimed, str) or len(secret) not in _NONCE_LENGTHS or not secret.isascii():
        return False
    return compare_digest(claimed.encode("utf-8", "replace"), nonce_of(secret).encode())


def _issued_at(claims: Mapping[str, Any]) -> datetime | None:
    # `read_claims` has refused times that are none.
    value = claims.get("iat")
    return None if value is None else datetime.fromtimestamp(value, UTC)
