"""What is known of a client certificate that was verified, and why one is refused."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class NameKind(StrEnum):
    """The kinds of names (SAN) that may name a user; others are left out."""

    EMAIL = "email"
    URI = "uri"
    DNS = "dns"


class CertificateFault(StrEnum):
    """Why a certificate is refused before anything is asked of the names in it."""

    UNREADABLE = "unreadable"
    UNKNOWN_AUTHORITY = "unknown_authority"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NOT_FOR_CLIENTS = "not_for_clients"
    WEAK = "weak"
    NO_NAMES = "no_names"
    TOO_MANY_NAMES = "too_many_names"
    REVOKED = "revoked"
    REVOCATIONS_UNAVAILABLE = "revocations_unavailable"


class PeerCertificate(Struct, frozen=True, kw_only=True):
    """A certificate whose chain was verified.

    `authorities` are the fingerprints of those above it, the nearest first; `serial` is in small hexadecimal digits.
    It ends with the first certificate of its chain that ends.
    """

    chain: tuple[bytes, ...]
    authorities: tuple[str, ...]
    serial: str
    names: tuple[tuple[NameKind, str], ...]
    units: tuple[str, ...]
    expires_at: datetime
