"""What a grant demands before a call: reads it from a request, and keeps the group that approves."""

from dataclasses import dataclass

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right, missing_right
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.policy.approval_rules import USUAL_VALID, ApprovalRule, check_valid
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.errors import Advice, ConflictError, InvalidInputError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.changes.lookups import find_group


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSpec:
    """The approval that calls need, with the name of the group that gives it; none if it is not `required`."""

    required: bool
    approvers: str | None = None
    valid_seconds: int | None = None


async def approval_rule(work: UnitOfWork, wanted: ApprovalSpec | None, effect: Effect) -> ApprovalRule | None:
    """Return what a grant demands, None for nothing. Raises InvalidInputError and NotFoundError."""
    if wanted is None:
        return None
    if not wanted.required:
        if wanted.approvers is not None or wanted.valid_seconds is not None:
            raise InvalidInputError("approval: approvers and valid_seconds are for a grant that demands it")
        return None
    if effect is Effect.DENY:
        raise InvalidInputError("Only a grant that permits can demand an approval.")
    usual = int(USUAL_VALID.total_seconds())
    seconds = check_valid(usual if wanted.valid_seconds is None else wanted.valid_seconds)
    if wanted.approvers is None:
        return ApprovalRule(seconds)
    return ApprovalRule(seconds, (await find_group(work, wanted.approvers)).group_id)


async def check_may_appoint(work: UnitOfWork, requester: Requester, group: Group) -> None:
    """Raise MissingRightError if a requester may not put a user into a group that approves calls."""
    by = requester.administrator
    if by is None or by.may(Right.MANAGE):
        return
    if await work.grants.of(approvers=group.group_id):
        raise missing_right(
            Right.MANAGE,
            f"Group {group.name!r} approves calls; a new member needs the right {Right.MANAGE.value!r}",
            reason="group_approves",
        )


async def check_approves_nothing(work: UnitOfWork, group_id: str, *, name: str) -> None:
    """Raise ConflictError before a group is removed that approves calls: nobody could approve them any more."""
    for grant in await work.grants.of(approvers=group_id):
        raise ConflictError(
            f"Group {name!r} approves the calls of a grant", advice=Advice.REMOVE_GRANT, grant=grant.grant_id
        )
