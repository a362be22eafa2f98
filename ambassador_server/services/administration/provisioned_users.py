"""Users whom an issuer describes by SCIM: creating, changing, deactivating and taking them from its sight."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import group_resource
from ambassador_server.domain.people.role_rules import is_admin
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.names import check_address, check_name, check_text
from ambassador_server.errors import ConflictError
from ambassador_server.services.administration.admin_guard import check_an_admin_is_left
from ambassador_server.services.administration.departures import end_everything_held
from ambassador_server.services.administration.provisioning import Provisioning
from ambassador_server.services.changes.kill_switches import is_stopped
from ambassador_server.services.changes.lookups import find_group_by_id, find_user_by_id
from ambassador_server.services.changes.user_events import USER_EVENTS
from ambassador_server.services.changes.writing import write


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedUser:
    """A user as an issuer describes it; `active` None leaves the user as active as it was, and a new one is active."""

    user_name: str
    external_id: str | None
    display_name: str
    email: str | None
    active: bool | None
    document: Mapping[str, Any]


async def create_user(request: Provisioning, described: DescribedUser) -> tuple[ScimResource, User]:
    """Create a user, or bring back one of this issuer with the same external id.

    Raises ConflictError if an account that this issuer does not describe has the name or the mail address.
    """
    await request.check_free(ScimKind.USER, described.user_name, described.external_id)
    before = await _own_account(request, described)
    await _check_mail(request, described, before)
    await _check_subject(request, described, before)
    now = request.clock.now()
    resource = ScimResource(
        resource_id=str(uuid.uuid4()) if before is None else before.user_id,
        issuer_id=request.issuer.issuer_id,
        kind=ScimKind.USER,
        name_key=described.user_name.casefold(),
        external_id=described.external_id,
        active=described.active is not False,
        document=described.document,
        created_at=now,
        updated_at=now,
    )
    await request.work.scim.add(resource)
    return resource, await _write(request, before, resource, described)


async def replace_user(
    request: Provisioning, resource_id: str, described: DescribedUser
) -> tuple[ScimResource, User]:
    """Replace what the issuer says about a user. Raises NotFoundError and ConflictError."""
    before = await request.find(ScimKind.USER, resource_id)
    await request.check_free(ScimKind.USER, described.user_name, described.external_id, own_id=resource_id)
    user = await find_user_by_id(request.work, resource_id)
    await _check_mail(request, described, user)
    await _check_subject(request, described, user)
    resource = replace(
        before,
        name_key=described.user_name.casefold(),
        external_id=described.external_id,
        active=before.active if described.active is None else described.active,
        document=described.document,
        updated_at=request.clock.now(),
    )
    await request.work.scim.replace(resource)
    return resource, await _write(request, user, resource, described)


async def delete_user(request: Provisioning, resource_id: str) -> None:
    """Deactivate a user, take the user from the groups of the issuer, and forget what the issuer said."""
    await request.find(ScimKind.USER, resource_id)
    user = await find_user_by_id(request.work, resource_id)
    await _deactivate(request, user, replace(user, status=UserStatus.DEACTIVATED, roles=()))
    for membership in await request.work.memberships.of(user_id=resource_id):
        group = await find_group_by_id(request.work, membership.group_id)
        if group.provisioner != request.issuer.issuer_id:
            continue
        if await is_stopped(request.work, SwitchScope.GROUP, group.group_id, request.clock.now()):
            continue  # A user who comes back has not escaped the switch.
        await request.work.memberships.remove(membership)
        request.changing.record(AuditAction.MEMBER_REMOVE, group_resource(group), user=user.name)
    await request.work.scim.remove(resource_id)


async def _own_account(request: Provisioning, described: DescribedUser) -> User | None:
    """Return the account that the issuer may describe again; None if there is none of this name."""
    work, issuer = request.work, request.issuer
    names = {check_name("user", described.user_name), described.user_name.lower()}
    found = [user for name in sorted(names) if (user := await work.users.by_name(name)) is not None]
    if not found:
        return None
    user = found[0]
    same_person = user.issuer == issuer.url and user.subject == described.external_id
    described_once = user.provisioner == issuer.issuer_id
    named_by_token = user.provisioner is None and described.external_id is not None
    if len(found) == 1 and same_person and (described_once or named_by_token):
        return user
    raise ConflictError(
        f"User {user.name!r} exists here and is not an account of this issuer; it is not taken over"
    )


async def _check_mail(request: Provisioning, described: DescribedUser, own: User | None) -> None:
    if not described.email:
        return
    for address in sorted({described.email, described.email.lower()}):
        for user in await request.work.users.of(email=address):
            if user.provisioner != request.issuer.issuer_id and (own is None or user.user_id != own.user_id):
                raise ConflictError(
                    f"User {user.name!r} has this mail address and is not an account of this issuer"
                )


async def _check_subject(request: Provisioning, described: DescribedUser, own: User | None) -> None:
    """Raise ConflictError if tokens of this person already act as an account that the issuer does not describe.

    They would go on doing so after the issuer has deactivated the account that it describes.
    """
    issuer = request.issuer
    if described.external_id is None:
        return
    for user in await request.work.users.of(issuer=issuer.url, subject=described.external_id):
        if user.provisioner != issuer.issuer_id and (own is None or user.user_id != own.user_id):
            raise ConflictError(
                f"User {user.name!r} was created for tokens with this externalId and has another name; "
                "it is not taken over"
            )


async def _write(
    request: Provisioning, before: User | None, resource: ScimResource, described: DescribedUser
) -> User:
    now, issuer = request.clock.now(), request.issuer
    user = before or User(
        user_id=resource.resource_id,
        name=described.user_name,
        display_name=described.user_name,
        email=None,
        status=UserStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )
    # An account that an administrator had stopped before the issuer described it stays stopped.
    held = user.held or (user.provisioner is None and user.status is not UserStatus.ACTIVE)
    stopped = user.status if held and user.status is not UserStatus.ACTIVE else UserStatus.ACTIVE
    after = replace(
        user,
        name=check_name("user", described.user_name),
        display_name=check_text("display name", described.display_name or described.user_name),
        email=check_address(described.email or ""),
        status=stopped if resource.active else UserStatus.DEACTIVATED,
        roles=user.roles if resource.active else (),
        source=AuthSource.EXTERNAL,
        issuer=issuer.url,
        subject=resource.external_id,
        provisioner=issuer.issuer_id,
        held=held,
        updated_at=now,
    )
    if not resource.active:
        return await _deactivate(request, before, after)
    return (await write(request.changing, request.work.users, before, after, USER_EVENTS)).item


async def _deactivate(request: Provisioning, before: User | None, after: User) -> User:
    change, now = request.changing, request.clock.now()
    written = await write(change, request.work.users, before, replace(after, updated_at=now), USER_EVENTS)
    if before is not None:
        await end_everything_held(change, written.item, now)
        if is_admin(before):
            await check_an_admin_is_left(request.work, now)
    return written.item
