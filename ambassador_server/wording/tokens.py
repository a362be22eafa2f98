"""Says why an access token is refused."""

from collections.abc import Mapping
from typing import Final

from ambassador_server.domain.people.token_claims import TokenFault

FAULTS: Final[Mapping[TokenFault, str]] = {
    TokenFault.TOO_LONG: "the token is too long",
    TokenFault.MALFORMED: "it is no signed token",
    TokenFault.UNKNOWN_ISSUER: "it is of another issuer",
    TokenFault.ALGORITHM_NOT_ALLOWED: "it is signed in a way that is not permitted for this issuer",
    TokenFault.WRONG_TYPE: "it is no access token",
    TokenFault.NEEDS_EXTENSION: "it cannot be understood without an extension",
    TokenFault.KEYS_UNAVAILABLE: "the keys of the issuer cannot be fetched",
    TokenFault.UNKNOWN_KEY: "it is signed with a key that the issuer does not have",
    TokenFault.WRONG_SIGNATURE: "its signature is wrong",
    TokenFault.INTROSPECTION_FAILED: "the issuer does not say whether it is active",
    TokenFault.INACTIVE: "the issuer says that it is not active: it has expired, was revoked, or is of another server",
    TokenFault.FOREIGN_AUDIENCE: "it is for another server: none of its audiences (aud) is one of the issuer's here",
    TokenFault.BOUND_TO_KEY: "it is bound to a key of its client (cnf), of which this server sees no proof",
    TokenFault.NO_EXPIRY: "it does not say when it ends (exp)",
    TokenFault.EXPIRED: "it has expired (exp)",
    TokenFault.NOT_YET_VALID: "it is not valid yet (nbf, iat)",
    TokenFault.TOO_FEW_SCOPES: "it lacks a scope that this issuer's tokens must have",
    TokenFault.NO_SUBJECT: "its claim of the subject is missing, or is no short text",
    TokenFault.NO_USER_NAME: "no claim of it can be the name of a user",
    TokenFault.UNKNOWN_USER: "there is no such user, and this issuer creates none",
    TokenFault.USER_IS_LOCAL: "a user of this name signs in with this server alone; its source would have to be "
    "external",
    TokenFault.USER_OF_ANOTHER: "a user of this name belongs to another issuer, or to another subject of this one",
    TokenFault.USER_NOT_ACTIVE: "the user is suspended or deactivated",
    TokenFault.AMBIGUOUS_USER: "the names in the certificate are those of several users",
    TokenFault.REVOKED: "the certificate was revoked",
    TokenFault.NEEDS_KEY: "the certificate is accepted beside a key alone",
    TokenFault.OTHER_USER: "the key beside the certificate is of another user",
}
"""Why a token is refused."""
