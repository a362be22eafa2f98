"""Who joins and who leaves a group that an issuer describes; the cost is that of the members who are named."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import group_resource
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.services.administration.provisioning import Provisioning
from ambassador_server.services.changes.kill_switches import is_stopped


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Tells of named users whether they are members afterwards; if `others_leave`, nobody else is."""

    named: Mapping[str, bool] = field(default_factory=dict)
    others_leave: bool = False


def all_members(user_ids: Collection[str]) -> MemberChanges:
    """Return the changes that make exactly these users the members."""
    return MemberChanges(dict.fromkeys(user_ids, True), others_leave=True)


async def change_members(request: Provisioning, group: Group, changes: MemberChanges) -> bool:
    """Change the members of a group, and tell whether that changed any.

    Raises InvalidInputError for a new member whom this issuer does not describe, and ConflictError if a member would
    leave a group that a kill switch stops.
    """
    work, change = request.work, request.changing
    inside = await work.memberships.names(
        group.group_id, None if changes.others_leave else changes.named.keys()
    )
    joining = sorted(user_id for user_id, stays in changes.named.items() if stays and user_id not in inside)
    names = await work.scim.user_names(request.issuer.issuer_id, joining)
    for user_id in joining:
        if user_id not in names:
            raise InvalidInputError(f"members: {user_id[:60]!r} is not a user whom this issuer describes")
    leaving = sorted(user_id for user_id in inside if not changes.named.get(user_id))
    if leaving and await is_stopped(work, SwitchScope.GROUP, group.group_id, request.clock.now()):
        raise ConflictError(f"A kill switch stops group {group.name!r}; nobody leaves it until it is lifted")
    await work.memberships.add_all(group.group_id, joining)
    await work.memberships.remove_all(group.group_id, leaving)
    resource = group_resource(group)
    for user_id in joining:
        change.record(AuditAction.MEMBER_ADD, resource, user=names[user_id], owner=None)
    for user_id in leaving:
        change.record(AuditAction.MEMBER_REMOVE, resource, user=inside[user_id])
    return bool(joining or leaving)
