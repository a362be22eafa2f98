"""Reads the claims of a token whose signature is verified: is it for this server, now, and whom does it name."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Any, Final

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.shared.names import check_address, check_name
from ambassador_server.errors import InvalidInputError

SKEW: Final = timedelta(seconds=60)
"""How far the clocks of issuer and server may differ."""
_AUDIENCE: Final = "{audience}"
MOST_GROUPS: Final = 1_000
_LONGEST_GROUP: Final = 256
_LONGEST_SUBJECT: Final = 255
LAST_SECOND: Final = 253_402_300_000
"""In the last day of the year 9999; larger numbers cannot be compared with a time."""


class TokenStep(StrEnum):
    """The checks of a token, in their order."""

    FORM = "form"
    ISSUER = "issuer"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    ACTIVE = "active"
    AUDIENCE = "audience"
    TIME = "time"
    SCOPE = "scope"
    USER = "user"
    ACCOUNT = "account"


class TokenFault(StrEnum):
    """Why a token is refused."""

    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown_issuer"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    WRONG_TYPE = "wrong_type"
    NEEDS_EXTENSION = "needs_extension"
    KEYS_UNAVAILABLE = "keys_unavailable"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SIGNATURE = "wrong_signature"
    INTROSPECTION_FAILED = "introspection_failed"
    INACTIVE = "inactive"
    FOREIGN_AUDIENCE = "foreign_audience"
    BOUND_TO_KEY = "bound_to_key"
    NO_EXPIRY = "no_expiry"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    TOO_FEW_SCOPES = "too_few_scopes"
    NO_SUBJECT = "no_subject"
    NO_USER_NAME = "no_user_name"
    UNKNOWN_USER = "unknown_user"
    USER_IS_LOCAL = "user_is_local"
    USER_OF_ANOTHER = "user_of_another"
    USER_NOT_ACTIVE = "user_not_active"
    AMBIGUOUS_USER = "ambiguous_user"
    REVOKED = "revoked"
    NEEDS_KEY = "needs_key"
    OTHER_USER = "other_user"


STEP_OF: Final[Mapping[TokenFault, TokenStep]] = {
    TokenFault.TOO_LONG: TokenStep.FORM,
    TokenFault.MALFORMED: TokenStep.FORM,
    TokenFault.UNKNOWN_ISSUER: TokenStep.ISSUER,
    TokenFault.ALGORITHM_NOT_ALLOWED: TokenStep.ALGORITHM,
    TokenFault.WRONG_TYPE: TokenStep.ALGORITHM,
    TokenFault.NEEDS_EXTENSION: TokenStep.ALGORITHM,
    TokenFault.KEYS_UNAVAILABLE: TokenStep.KEY,
    TokenFault.UNKNOWN_KEY: TokenStep.KEY,
    TokenFault.WRONG_SIGNATURE: TokenStep.SIGNATURE,
    TokenFault.INTROSPECTION_FAILED: TokenStep.ACTIVE,
    TokenFault.INACTIVE: TokenStep.ACTIVE,
    TokenFault.FOREIGN_AUDIENCE: TokenStep.AUDIENCE,
    TokenFault.BOUND_TO_KEY: TokenStep.AUDIENCE,
    TokenFault.NO_EXPIRY: TokenStep.TIME,
    TokenFault.EXPIRED: TokenStep.TIME,
    TokenFault.NOT_YET_VALID: TokenStep.TIME,
    TokenFault.TOO_FEW_SCOPES: TokenStep.SCOPE,
    TokenFault.NO_SUBJECT: TokenStep.USER,
    TokenFault.NO_USER_NAME: TokenStep.USER,
    TokenFault.UNKNOWN_USER: TokenStep.ACCOUNT,
    TokenFault.USER_IS_LOCAL: TokenStep.ACCOUNT,
    TokenFault.USER_OF_ANOTHER: TokenStep.ACCOUNT,
    TokenFault.USER_NOT_ACTIVE: TokenStep.ACCOUNT,
    TokenFault.AMBIGUOUS_USER: TokenStep.USER,
    TokenFault.REVOKED: TokenStep.SIGNATURE,
    TokenFault.NEEDS_KEY: TokenStep.ACCOUNT,
    TokenFault.OTHER_USER: TokenStep.ACCOUNT,
}
"""The check that finds each fault."""


class TokenIdentity(Struct, frozen=True, kw_only=True):
    """Whom a token names; `groups_unknown` tells that the user is in more groups than the issuer writes in a token.

    With `by_assertion` it is a token of this server, for an identity assertion of the issuer to this `client`.
    """

    issuer_id: str
    subject: str
    user_name: str
    user_claim: str
    email: str | None
    client: str
    groups: tuple[str, ...]
    groups_unknown: bool
    expires_at: datetime
    by_assertion: bool = False


def read_claims(
    claims: Mapping[str, Any], issuer: Issuer, now: datetime, *, audiences: tuple[str, ...] | None = None
) -> TokenIdentity | TokenFault:
    """Return whom verified claims name, or why they are refused; any JSON object may be given.

    `audiences` take the place of those of the issuer.
    """
    if claims.get("iss") != issuer.url:
        return TokenFault.UNKNOWN_ISSUER
    expires_at = _time(claims.get("exp"))
    fault = (
        _audience_fault(claims, issuer.audiences if audiences is None else audiences)
        or _time_fault(claims, expires_at, now)
        or _scope_fault(claims, issuer)
    )
    if fault is not None or expires_at is None:
        return fault or TokenFault.NO_EXPIRY
    return _identity(claims, issuer, expires_at)


def claim(claims: Mapping[str, Any], name: str, audience: str = "") -> Any:
    """Return the claim of this name, or at this path, in which `{audience}` is an audience; None if none is."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for member in name.split("."):
        key = audience if member == _AUDIENCE else member
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def claimed_groups(claims: Mapping[str, Any], issuer: Issuer) -> tuple[tuple[str, ...], bool]:
    """Return the groups that claims name, and whether the issuer has left out some.

    More groups than a decision can look at in time are as good as unknown, and a name that is no name means no group.
    """
    found: dict[str, None] = {}
    for path in issuer.group_claims:
        for audience in issuer.audiences if _AUDIENCE in path else ("",):
            for value in _texts(claim(claims, path, audience)):
                found[value.removeprefix("/")] = None
                if len(found) > MOST_GROUPS:
                    return (), True
    names = (each for each in found if 0 < len(each) <= _LONGEST_GROUP and each.isprintable())
    return tuple(sorted(names)), _is_overage(claims, issuer)


def _is_overage(claims: Mapping[str, Any], issuer: Issuer) -> bool:
    """Tell whether a marker stands in place of groups, as Entra writes it from the 201st group on."""
    elsewhere = claims.get("_claim_names")
    named = {*elsewhere} if isinstance(elsewhere, Mapping) else set()
    return claims.get("hasgroups") is True or not named.isdisjoint(issuer.group_claims)


def _audience_fault(claims: Mapping[str, Any], audiences: tuple[str, ...]) -> TokenFault | None:
    # A token that is bound to a key of its client must not be accepted without the proof of that key.
    if "cnf" in claims:
        return TokenFault.BOUND_TO_KEY
    if audiences and set(audiences).isdisjoint(_texts(claims.get("aud"))):
        return TokenFault.FOREIGN_AUDIENCE
    return None


def _time_fault(claims: Mapping[str, Any], expires_at: datetime | None, now: datetime) -> TokenFault | None:
    if expires_at is None:
        return TokenFault.NO_EXPIRY
    if expires_at + SKEW <= now:
        return TokenFault.EXPIRED
    for name in ("nbf", "iat"):
        if name in claims:
            begins_at = _time(claims[name])
            if begins_at is None or begins_at - SKEW > now:
                return TokenFault.NOT_YET_VALID
    return None


def _scope_fault(claims: Mapping[str, Any], issuer: Issuer) -> TokenFault | None:
    if not issuer.scopes:
        return None
    written = [*_texts(claims.get("scope")), *_texts(claims.get("scp"))]
    given = {scope for text in written for scope in text.split(" ")}
    return None if given.issuperset(issuer.scopes) else TokenFault.TOO_FEW_SCOPES


def _identity(claims: Mapping[str, Any], issuer: Issuer, expires_at: datetime) -> TokenIdentity | TokenFault:
    subject = claim(claims, issuer.subject_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        return TokenFault.NO_SUBJECT
    named = next((each for each in issuer.user_claims if claim(claims, each) is not None), None)
    user_name = None if named is None else _user_name(claim(claims, named))
    if named is None or user_name is None:
        return TokenFault.NO_USER_NAME
    groups, unknown = claimed_groups(claims, issuer)
    return TokenIdentity(
        issuer_id=issuer.issuer_id,
        subject=subject,
        user_name=user_name,
        user_claim=named,
        email=_email(claim(claims, issuer.email_claim)),
        client=_client(claims),
        groups=groups,
        groups_unknown=unknown,
        expires_at=expires_at,
    )


def _client(claims: Mapping[str, Any]) -> str:
    named = (claims.get("client_id"), claims.get("azp"), claims.get("cid"), claims.get("appid"))
    return next((each[:_LONGEST_SUBJECT] for each in named if isinstance(each, str)), "")


def _user_name(value: Any) -> str | None:
    try:
        return check_name("user", value) if isinstance(value, str) else None
    except InvalidInputError:
        return None


def _email(value: Any) -> str | None:
    try:
        return check_address(value) if isinstance(value, str) else None
    except InvalidInputError:
        return None


def _texts(value: Any) -> list[str]:
    """Return a text, or the texts of a list; nothing of anything else."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _time(value: Any) -> datetime | None:
    """Return a time of a claim; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared, because a whole number may be too large for a float.
    if not 0 <= value < inf:
        return None
    return datetime.fromtimestamp(min(value, LAST_SECOND), UTC)
