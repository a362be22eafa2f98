"""The repository of requests that another person decides."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, true, update

from ambassador_server.domain.policy.approval_requests import OPEN, ApprovalRequest, RequestStatus
from ambassador_server.storage.object_mappings import APPROVAL_REQUESTS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.tables import approval_requests
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_item, check_key, check_value

_COLUMNS = approval_requests.c
_NEWEST_FIRST = (_COLUMNS.created_at.desc(), _COLUMNS.request_id.desc())


class ApprovalRequestRepository(TableRepository[ApprovalRequest]):
    """Implements `ports.approval_requests.ApprovalRequestRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, APPROVAL_REQUESTS)

    async def move(self, before: ApprovalRequest, after: ApprovalRequest, *, now: datetime | None) -> bool:
        """Replace a request that has the status and the rounds of `before`, and is not over."""
        check_item(after)
        check_value(now, "now")
        same = and_(
            _COLUMNS.request_id == before.request_id,
            _COLUMNS.status == before.status,
            _COLUMNS.rounds == before.rounds,
            true() if now is None else _not_over(now),
        )
        statement = update(approval_requests).where(same)
        return await self._change(statement, APPROVAL_REQUESTS.to_row(after)) > 0

    async def with_digest(self, *, user_id: str, digest: str, limit: int) -> Sequence[ApprovalRequest]:
        """Return the requests of a user with this digest, newest first."""
        check_key(user_id, "The id")
        check_key(digest, "The digest")
        await self._lock_shared()
        statement = (
            select(approval_requests)
            .where(_COLUMNS.user_id == user_id, _COLUMNS.digest == digest)
            .order_by(*_NEWEST_FIRST)
            .limit(limit)
        )
        return [APPROVAL_REQUESTS.from_row(row) for row in await self._transaction.rows(statement)]

    async def count_pending(self, now: datetime, *, user_id: str | None = None) -> int:
        """Return how many requests wait for a decision."""
        check_value(now, "now")
        await self._lock_shared()
        statement = select(func.count()).where(_COLUMNS.status == RequestStatus.PENDING, _not_over(now))
        if user_id is not None:
            check_key(user_id, "The id")
            statement = statement.where(_COLUMNS.user_id == user_id)
        return int((await self._transaction.rows(statement))[0][0])

    async def count_cancelled(self, since: datetime, *, user_id: str) -> int:
        """Return how many requests a user has made since a time and cancelled."""
        check_value(since, "since")
        check_key(user_id, "The id")
        await self._lock_shared()
        made = and_(_COLUMNS.user_id == user_id, _COLUMNS.created_at >= since)
        cancelled = _COLUMNS.status == RequestStatus.CANCELLED
        statement = select(func.count()).where(made, cancelled)
        return int((await self._transaction.rows(statement))[0][0])

    async def over(self, now: datetime, *, limit: int) -> Sequence[ApprovalRequest]:
        """Return open requests whose time is over, oldest first."""
        check_value(now, "now")
        await self._lock_shared()
        statement = (
            select(approval_requests)
            .where(_is_open(), _COLUMNS.expires_at <= now)
            .order_by(_COLUMNS.expires_at, _COLUMNS.request_id)
            .limit(limit)
        )
        return [APPROVAL_REQUESTS.from_row(row) for row in await self._transaction.rows(statement)]

    async def forget(self, before: datetime) -> int:
        """Delete the requests that were made before a time and are over, and return how many."""
        check_value(before, "before")
        old = and_(_COLUMNS.created_at < before, _COLUMNS.expires_at.is_(None))
        return await self._change(delete(approval_requests).where(old))


def _is_open() -> ColumnElement[bool]:
    return _COLUMNS.status.in_(sorted(OPEN))


def _not_over(now: datetime) -> ColumnElement[bool]:
    return or_(_COLUMNS.expires_at.is_(None), _COLUMNS.expires_at > now)
