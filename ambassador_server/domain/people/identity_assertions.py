"""Reads identity assertions (ID-JAG): by them an issuer lets one client act for one user at this server."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity, read_claims

LONGEST_LIFE: Final = timedelta(hours=1)
"""An assertion is used once, and remembered as long as it lives."""
_LONGEST_ID: Final = 255


class AssertionFault(StrEnum):
    """Why an assertion is refused that would be good as a token; for all else there is a `TokenFault`."""

    SEVERAL_AUDIENCES = "several_audiences"
    FOREIGN_RESOURCE = "foreign_resource"
    FOREIGN_CLIENT = "foreign_client"
    NEEDS_DETAILS = "needs_details"
    NO_ASSERTION_ID = "no_assertion_id"
    NO_ISSUE_TIME = "no_issue_time"
    LIVES_TOO_LONG = "lives_too_long"
    USED_BEFORE = "used_before"


class Asserted(Struct, frozen=True, kw_only=True):
    """Whom an assertion names, its id, and the scopes that its issuer has granted."""

    identity: TokenIdentity
    assertion_id: str
    scopes: tuple[str, ...]


def read_assertion(
    claims: Mapping[str, Any],
    issuer: Issuer,
    now: datetime,
    *,
    server: str,
    resource: str,
    client_id: str,
) -> Asserted | AssertionFault | TokenFault:
    """Return what verified claims assert, or why they are refused; any JSON object may be given.

    They have to be for `server`, the identifier of this server as an authorization server, and for it alone; for
    `resource`; and for the client that has authenticated itself.
    """
    identity = read_claims(claims, issuer, now, audiences=(server,))
    if isinstance(identity, TokenFault):
        return identity
    fault = _fault(claims, identity, resource, client_id)
    if fault is not None:
        return fault
    named = claims.get("jti")
    if not isinstance(named, str) or not 0 < len(named) <= _LONGEST_ID:
        return AssertionFault.NO_ASSERTION_ID
    scope = claims.get("scope")
    return Asserted(
        identity=identity,
        assertion_id=sha256(f"{issuer.issuer_id}\0{named}".encode(errors="replace")).hexdigest(),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _fault(
    claims: Mapping[str, Any], identity: TokenIdentity, resource: str, client_id: str
) -> AssertionFault | None:
    if isinstance(claims.get("aud"), list) and len(claims["aud"]) != 1:
        return AssertionFault.SEVERAL_AUDIENCES
    if resource not in _listed(claims.get("resource")):
        return AssertionFault.FOREIGN_RESOURCE
    # Not what other claims say of a client: this one alone is bound to the authentication of the client.
    if claims.get("client_id") != client_id:
        return AssertionFault.FOREIGN_CLIENT
    if "authorization_details" in claims:
        # They may narrow what is granted, in words that this server does not understand.
        return AssertionFault.NEEDS_DETAILS
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return AssertionFault.NO_ISSUE_TIME
    # `iat` was found to be a time by then.
    if identity.expires_at.timestamp() - issued > LONGEST_LIFE.total_seconds():
        return AssertionFault.LIVES_TOO_LONG
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
