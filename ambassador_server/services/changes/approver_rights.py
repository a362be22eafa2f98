"""Who may decide a request: members of its group of approvers, or else administrators; never who has asked."""

from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Administrator, Right, missing_right
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.errors import MissingRightError
from ambassador_server.ports.store import UnitOfWork

_LONGEST_LINE: Final = 100
"""How many admin keys, each made with the next, are followed to who made the first."""


async def check_may_decide(work: UnitOfWork, requester: Requester, request: ApprovalRequest) -> None:
    """Raise MissingRightError if the requester may not decide this request."""
    administrator = requester.administrator
    user_id = decider_of(requester)
    if user_id == request.user_id or (
        administrator is not None
        and user_id is None
        and await _was_made_by(work, administrator, request.user_id)
    ):
        raise MissingRightError(
            "This is your own request: another person has to decide it", reason="own_request"
        )
    if request.approvers is None:
        if administrator is None or not administrator.may(Right.APPROVALS_DECIDE):
            raise missing_right(Right.APPROVALS_DECIDE)
    elif not await is_approver(work, user_id, request.approvers):
        group = await work.groups.get(request.approvers)
        name = "that was removed" if group is None else repr(group.name)
        raise MissingRightError(f"Only members of group {name} decide this request", reason="not_an_approver")


def decider_of(requester: Requester) -> str | None:
    """Return the id of the user who decides, None for an admin key that belongs to no user."""
    if requester.administrator is not None:
        return requester.administrator.user_id
    return None if requester.user is None else requester.user.id


async def is_approver(work: UnitOfWork, user_id: str | None, group_id: str) -> bool:
    """Tell whether an active user is in this group, which is active."""
    user = None if user_id is None else await work.users.get(user_id)
    if user is None or user.status is not UserStatus.ACTIVE:
        return False
    group = await work.groups.get(group_id)
    if group is None or group.status is not GroupStatus.ACTIVE:
        return False
    return await work.memberships.get(user.user_id, group_id) is not None


async def _was_made_by(work: UnitOfWork, administrator: Administrator, user_id: str) -> bool:
    """Tell whether a user has made this admin key, or the key that it was made with, and so on."""
    user = await work.users.get(user_id)
    key = await work.admin_keys.get(administrator.admin_key_id)
    for _ in range(_LONGEST_LINE):
        if user is None or key is None:
            return False
        if key.created_by == user.name:
            return True
        key = await work.admin_keys.by_name(key.created_by)
    return True
