"""What is stored to connect users by OAuth: registrations of this server, and connections that are begun."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRegistration:
    """This server as a client of one authorization server, for one MCP; client id and secret are sealed.

    `key_number` is that of the master key. `version` rises with each write, so that two writers notice each other.
    Until `locked_until` one server alone registers again.
    """

    registration_id: str
    mcp_id: str
    issuer: str
    key_number: int
    sealed: bytes
    updated_at: datetime
    version: int = 1
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingConnection:
    """A user who has begun to connect to an MCP, until `expires_at`.

    `pending_id` is the digest of the ticket. The browser that opened its link has the cookie of `cookie_digest`; the
    callback of that browser is accepted once, and `state_digest` is None from then on. With the completion code of
    `code_digest` the same user finishes; `wrong_codes` counts failed attempts. `sealed` is what is to be kept secret.
    """

    pending_id: str
    user_id: str
    mcp_id: str
    key_number: int
    sealed: bytes
    created_at: datetime
    expires_at: datetime
    state_digest: str | None = None
    cookie_digest: str | None = None
    code_digest: str | None = None
    wrong_codes: int = 0

    def ended(self, now: datetime) -> "PendingConnection":
        """Return it as one that nobody can finish; what it was given is then revoked at its provider."""
        return replace(self, expires_at=now, state_digest=None, cookie_digest=None, code_digest=None)
