"""Waits for the decision of a request: woken at once on the server that decides it, asked for on the others."""

import asyncio
from collections import Counter, defaultdict
from typing import Final

from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestStatus
from ambassador_server.services.changes.approval_requests import ApprovalRequests
from ambassador_server.services.shared.database_deadline import within_deadline

POLL_SECONDS: Final = 1.0
MOST_WAITING: Final = 1000
MOST_WAITING_OF_USER: Final = 16


class ApprovalWaits:
    """Holds what waits for decisions; how many may wait is bounded, of a user and in all."""

    def __init__(self, requests: ApprovalRequests) -> None:
        self._requests = requests
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._of_user: Counter[str] = Counter()
        requests.on_move.append(self._wake)

    async def decided(self, request: ApprovalRequest, seconds: float) -> ApprovalRequest:
        """Return a pending request as soon as it is not pending any more, or as it is after so many seconds.

        Where too many wait already, it is returned at once.
        """
        user_id = request.user_id
        if self._of_user.total() >= MOST_WAITING or self._of_user[user_id] >= MOST_WAITING_OF_USER:
            return request
        now = asyncio.get_running_loop().time
        until = now() + seconds
        self._of_user[user_id] += 1
        try:
            while request.status is RequestStatus.PENDING and (left := until - now()) > 0:
                await self._moved(request.request_id, min(left, POLL_SECONDS))
                request = await self._stored(request.request_id) or request
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]
        return request

    @within_deadline
    async def _stored(self, request_id: str) -> ApprovalRequest | None:
        return await self._requests.get(request_id)

    async def _moved(self, request_id: str, seconds: float) -> None:
        """Wait until the request has moved on this server, or so long."""
        moved = asyncio.Event()
        self._waiting[request_id].add(moved)
        try:
            async with asyncio.timeout(seconds):
                await moved.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting[request_id].discard(moved)
            if not self._waiting[request_id]:
                del self._waiting[request_id]

    def _wake(self, request_id: str) -> None:
        for moved in self._waiting.get(request_id, ()):
            moved.set()
