"""Reads the assertions by which clients authenticate themselves with a key (`private_key_jwt`, RFC 7523)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from ambassador_server.domain.people.token_claims import LAST_SECOND, SKEW

LONGEST_LIFE: Final = timedelta(minutes=10)
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAssertion:
    """The id of an assertion that is good, which can be used until it expires."""

    assertion_id: str
    expires_at: datetime


def read_client_assertion(
    claims: Mapping[str, Any], client_id: str, now: datetime, audiences: Collection[str]
) -> ClientAssertion | None:
    """Return the assertion of a client for one of `audiences` alone; None for anything else.

    Any JSON object may be given; its signature is verified already.
    """
    named, expires = claims.get("jti"), claims.get("exp")
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return None
    audience = claims.get("aud")
    if isinstance(audience, list):
        audience = audience[0] if len(audience) == 1 else None
    if not isinstance(audience, str) or audience not in audiences:
        return None
    if not isinstance(named, str) or not 0 < len(named) <= _LONGEST_ID:
        return None
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return None
    if not _is_soon(expires, now):
        return None
    return ClientAssertion(
        assertion_id=sha256(f"client\0{client_id}\0{named}".encode(errors="replace")).hexdigest(),
        expires_at=datetime.fromtimestamp(expires, UTC) + SKEW,
    )


def _is_soon(expires: float, now: datetime) -> bool:
    """Tell whether an end is not over, and so soon that the assertion can be remembered until then."""
    if not 0 <= expires <= LAST_SECOND:
        return False
    left = expires - now.timestamp()
    return -SKEW.total_seconds() < left <= (LONGEST_LIFE + SKEW).total_seconds()
