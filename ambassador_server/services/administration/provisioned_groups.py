"""Groups that an issuer describes by SCIM, and their members."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import group_resource
from ambassador_server.domain.people.groups import Group, GroupStatus
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource, described_group_name
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import ConflictError
from ambassador_server.services.administration.described_members import MemberChanges, change_members
from ambassador_server.services.administration.grant_approvals import check_approves_nothing
from ambassador_server.services.administration.groups import GROUP_EVENTS
from ambassador_server.services.administration.provisioning import Provisioning
from ambassador_server.services.changes.kill_switches import check_not_stopped
from ambassador_server.services.changes.limited_objects import check_not_limited
from ambassador_server.services.changes.lookups import find_group_by_id
from ambassador_server.services.changes.writing import write


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedGroup:
    """A group as an issuer describes it, without its members."""

    display_name: str
    external_id: str | None
    document: Mapping[str, Any]


async def create_group(
    request: Provisioning, described: DescribedGroup, members: MemberChanges
) -> ScimResource:
    """Create a group. Raises ConflictError if there is one of this name, which is never taken over."""
    await request.check_free(ScimKind.GROUP, described.display_name, described.external_id)
    now = request.clock.now()
    resource = ScimResource(
        resource_id=str(uuid.uuid4()),
        issuer_id=request.issuer.issuer_id,
        kind=ScimKind.GROUP,
        name_key=described.display_name.casefold(),
        external_id=described.external_id,
        active=True,
        document=described.document,
        created_at=now,
        updated_at=now,
    )
    group = Group(
        group_id=resource.resource_id,
        name=described_group_name(request.issuer, described.display_name),
        description="",
        status=GroupStatus.ACTIVE,
        created_at=now,
        updated_at=now,
        provisioner=request.issuer.issuer_id,
    )
    await request.work.scim.add(resource)
    await write(request.changing, request.work.groups, None, group, GROUP_EVENTS)
    await change_members(request, group, members)
    return resource


async def replace_group(
    request: Provisioning, resource_id: str, described: DescribedGroup, members: MemberChanges
) -> ScimResource:
    """Replace what the issuer says about a group, its name included, and change its members."""
    before = await request.find(ScimKind.GROUP, resource_id)
    await request.check_free(
        ScimKind.GROUP, described.display_name, described.external_id, own_id=resource_id
    )
    now = request.clock.now()
    group = await find_group_by_id(request.work, resource_id)
    after = replace(group, name=described_group_name(request.issuer, described.display_name), updated_at=now)
    await write(request.changing, request.work.groups, group, after, GROUP_EVENTS)
    resource = replace(
        before,
        name_key=described.display_name.casefold(),
        external_id=described.external_id,
        document=described.document,
    )
    if await change_members(request, after, members) or resource != before:
        resource = replace(resource, updated_at=now)
        await request.work.scim.replace(resource)
    return resource


async def delete_group(request: Provisioning, resource_id: str) -> None:
    """Delete a group with its memberships.

    Raises ConflictError while grants, limits, kill switches or approvals name it: administrators remove those, because
    to remove a grant that denies would permit more.
    """
    await request.find(ScimKind.GROUP, resource_id)
    work, group = request.work, await find_group_by_id(request.work, resource_id)
    if await work.grants.of(group_id=group.group_id):
        raise ConflictError(f"Group {group.name!r} has grants; an administrator has to remove them first")
    name = f"group {group.name!r}"
    await check_not_stopped(work, SwitchScope.GROUP, group.group_id, request.clock.now(), name=name)
    await check_not_limited(work, LimitScope.GROUP, group.group_id, name=name)
    await check_approves_nothing(work, group.group_id, name=group.name)
    await work.scim.remove(resource_id)
    await work.groups.remove(group.group_id)
    request.changing.record(AuditAction.GROUP_REMOVE, group_resource(group))
