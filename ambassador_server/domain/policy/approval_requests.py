"""Requests that another person decides: for one call, or for access."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from ambassador_server.domain.catalog.capabilities import CapabilityKind

SHORTEST_WAIT: Final = timedelta(hours=1)
"""How long a request waits for a decision, or longer if the approval would be good for longer."""


class RequestKind(StrEnum):
    """What is asked for: one call, or access that lasts."""

    CALL = "call"
    ACCESS = "access"


class RequestStatus(StrEnum):
    """How far a request is; a call that was approved is `used` as soon as it runs, and access when it is given."""

    PENDING = "pending"
    APPROVED = "approved"
    USED = "used"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN: Final = frozenset({RequestStatus.PENDING, RequestStatus.APPROVED})
"""The statuses that time ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """One request of a user about an MCP, which a request for access names only in `capability`: it may not exist.

    Of a call, `digest` is that of what is called with which arguments, and `basis` that of what demands the approval:
    an approval serves no other call, user or key, and nothing after either has changed. `approvers` is the id of the
    group that decides; None stands for administrators. `content` is what those who decide see; secrets in it are
    redacted. `grant_id` is the grant that demands the approval, or the one that was made of a request for access.
    Until `expires_at` an open request waits for its decision, or an approved one for its use; it is None when the
    request is over. A call that was approved may need further rounds with answers of its user; `rounds` counts them.
    """

    request_id: str
    kind: RequestKind
    user_id: str
    mcp_id: str | None
    content: Mapping[str, Any]
    valid_seconds: int
    created_at: datetime
    expires_at: datetime | None
    status: RequestStatus = RequestStatus.PENDING
    key_id: str | None = None
    capability_kind: CapabilityKind | None = None
    capability: str | None = None
    digest: str | None = None
    basis: str | None = None
    approvers: str | None = None
    grant_id: str | None = None
    reason: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision_reason: str | None = None
    used_at: datetime | None = None
    rounds: int = 0

    def status_at(self, now: datetime) -> RequestStatus:
        """Return the status at a time, which ends an open request even if nothing has recorded that yet."""
        is_over = self.expires_at is not None and self.expires_at <= now
        return RequestStatus.EXPIRED if is_over else self.status

    def approved(self, *, by: str, at: datetime, reason: str | None) -> "ApprovalRequest":
        """Return the request after its approval."""
        return replace(
            self,
            status=RequestStatus.APPROVED,
            decided_at=at,
            decided_by=by,
            decision_reason=reason,
            expires_at=at + timedelta(seconds=self.valid_seconds),
        )

    def denied(self, *, by: str, at: datetime, reason: str | None) -> "ApprovalRequest":
        """Return the request after its denial."""
        ended = self.ended(RequestStatus.DENIED)
        return replace(ended, decided_at=at, decided_by=by, decision_reason=reason)

    def used(self, at: datetime) -> "ApprovalRequest":
        """Return the request after its use."""
        return replace(self.ended(RequestStatus.USED), used_at=at)

    def ended(self, status: RequestStatus) -> "ApprovalRequest":
        """Return the request in a status that it keeps."""
        return replace(self, status=status, expires_at=None)


def waits_until(now: datetime, valid_seconds: int) -> datetime:
    """Return until when a request of this time waits for a decision."""
    return now + max(SHORTEST_WAIT, timedelta(seconds=valid_seconds))
