"""Reads the identity headers of an API gateway: claims about a user, which are believed of a trusted gateway alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import product
from typing import Any, Final, TypeAlias

from msgspec import Struct

from ambassador_server.domain.people.certificates import NameKind, PeerCertificate
from ambassador_server.domain.people.issuers import Issuer

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Names and values as they came, with repetitions."""

USER_TOKEN: Final = "x-openwebui-user-jwt"
"""The header with a signed token in place of plain identity headers."""
ADMIN_FLAG: Final = "x-user-admin"
ADMIN_GROUP: Final = "MCP-Admin"
"""The group that the header of administrators claims; like any other it means nothing unless it is mapped."""
IDENTITY_HEADERS: Final = frozenset(
    {
        "x-user-email",
        "x-user-groups",
        ADMIN_FLAG,
        "x-user-name",
        "x-user-oid",
        "x-tenant-id",
        USER_TOKEN,
        "x-openwebui-user-email",
        "x-openwebui-user-id",
        "x-openwebui-user-name",
        "x-openwebui-user-role",
        "x-openwebui-user-groups",
        "x-auth-source",
        "x-entra-groups",
        "x-entra-oid",
        "x-entra-tid",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-auth-request-user",
        "x-auth-request-email",
        "x-auth-request-groups",
        "remote-user",
        "client-cert",
        "client-cert-chain",
    }
)
"""The headers by which gateways name users: what comes with them from elsewhere is ignored, and that is recorded."""
CERTIFICATE_HEADERS: Final = frozenset({"client-cert", "client-cert-chain"})
"""Those of them that hold a certificate (RFC 9440)."""


def _spellings(name: str) -> Iterator[str]:
    first, *others = name.split("-")
    for separators in product("-_", repeat=len(others)):
        yield first + "".join(map("".join, zip(separators, others, strict=True)))


IDENTITY_SPELLINGS: Final[Mapping[str, str]] = {
    spelling: name for name in IDENTITY_HEADERS for spelling in _spellings(name)
}
"""Each of these headers by all its spellings in small letters: a program on the way may take `_` for `-`."""


class GatewayFault(StrEnum):
    """Why the identity headers of a request are not believed."""

    CERTIFICATE_NOT_ALLOWED = "certificate_not_allowed"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_TIME = "signature_time"
    SIGNATURE_WRONG = "signature_wrong"
    SIGNATURE_REPLAYED = "signature_replayed"
    SIGNATURES_FULL = "signatures_full"
    HEADER_NOT_SIGNED = "header_not_signed"
    BODY_DIFFERS = "body_differs"
    AMBIGUOUS_HEADER = "ambiguous_header"
    NO_IDENTITY = "no_identity"
    NO_SIGNED_USER = "no_signed_user"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    AMBIGUOUS_IDENTITY = "ambiguous_identity"


class SignedRequest(Struct, frozen=True, kw_only=True):
    """A request with a signature; `target` is its path with its query, as it came."""

    method: str
    target: str
    headers: Headers


class SignedPart(Struct, frozen=True, kw_only=True):
    """What a good signature vouches for: some headers, and the body of this digest."""

    headers: Headers
    body_digest: str


def single_values(headers: Headers, names: Iterable[str]) -> dict[str, str] | GatewayFault:
    """Return the values of headers that are there; one that could be read in two ways is a fault.

    Another program on the way may take `_` for `-`, so a name with `_` counts as a second one.
    """
    wanted, found = {*names}, dict[str, str]()
    for name, value in headers:
        lower = name.lower()
        folded = lower.replace("_", "-")
        if folded in wanted:
            if lower != folded or folded in found:
                return GatewayFault.AMBIGUOUS_HEADER
            found[folded] = value.strip(" \t")
    return found


def headers_of(issuer: Issuer) -> frozenset[str]:
    """Return the headers that an issuer of the kind gateway reads, in small letters."""
    return frozenset({issuer.subject_claim, *issuer.user_claims, issuer.email_claim, *issuer.group_claims})


def header_claims(headers: Headers, issuer: Issuer) -> Mapping[str, Any] | GatewayFault:
    """Return the headers as the claims of a token of the issuer; any headers may be given."""
    found = single_values(headers, headers_of(issuer))
    if isinstance(found, GatewayFault):
        return found
    if not any(found.get(name) for name in issuer.user_claims):
        return GatewayFault.NO_IDENTITY
    return {
        name: _groups(name, value) if name in issuer.group_claims else value for name, value in found.items()
    }


def certificate_names(certificate: PeerCertificate) -> frozenset[str]:
    """Return the names of a certificate with their kinds, such as `dns:edge.example.com`."""
    return frozenset(
        f"{kind}:{value.lower() if kind is NameKind.DNS else value}" for kind, value in certificate.names
    )


def _groups(name: str, value: str) -> list[str]:
    if name == ADMIN_FLAG:
        return [ADMIN_GROUP] if value.lower() == "true" else []
    return [each for each in (part.strip() for part in value.split(",")) if each]
