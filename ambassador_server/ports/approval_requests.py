"""The repository of requests that another person decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.ports.repositories import Repository


class ApprovalRequestRepository(Repository[ApprovalRequest], Protocol):
    """Stores requests; writing them does not raise the policy version."""

    async def move(self, before: ApprovalRequest, after: ApprovalRequest, *, now: datetime | None) -> bool:
        """Replace a request, unless it was moved meanwhile, or is over at the time `now`.

        It was moved if its status or its rounds are no longer those of `before`. One statement, so that of several
        servers one succeeds; returns False for the others.
        """
        ...

    async def with_digest(self, *, user_id: str, digest: str, limit: int) -> Sequence[ApprovalRequest]:
        """Return the requests of a user with this digest, newest first."""
        ...

    async def count_pending(self, now: datetime, *, user_id: str | None = None) -> int:
        """Return how many requests wait for a decision, of one user or in all."""
        ...

    async def count_cancelled(self, since: datetime, *, user_id: str) -> int:
        """Return how many requests a user has made since a time and cancelled."""
        ...

    async def over(self, now: datetime, *, limit: int) -> Sequence[ApprovalRequest]:
        """Return open requests whose time is over, oldest first."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete the requests that were made before a time and are over; return how many."""
        ...
