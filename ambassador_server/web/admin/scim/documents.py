"""Converts users and groups between the documents of SCIM and what this server keeps of them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from scim2_models import (
    AnyExtension,
    Email,
    EnterpriseUser,
    Group,
    GroupMember,
    InvalidValueException,
    Meta,
    Mutability,
    Resource,
    User,
)

from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.services.administration.provisioned_groups import DescribedGroup
from ambassador_server.services.administration.provisioned_users import DescribedUser


class DescribedEmail(Email):
    """A mail address, which this server checks itself: the library refuses those below `.local`."""

    value: str | None = None


class UserResource(User[AnyExtension]):
    """A user of the standard with such addresses."""

    emails: list[DescribedEmail] | None = None  # type: ignore[assignment]  # lists are invariant


class DescribedMember(GroupMember):
    """A member of a group; what a client calls the member is not kept, so that the schema says it cannot be set."""

    display: Annotated[str | None, Mutability.read_only] = None


class GroupResource(Group):
    """A group of the standard with such members."""

    members: list[DescribedMember] | None = None  # type: ignore[assignment]  # lists are invariant


# The library names the kinds of resources by their classes.
UserResource.__name__ = "User"
GroupResource.__name__ = "Group"

MODELS: Final[Mapping[ScimKind, type[Resource[Any]]]] = {
    ScimKind.USER: UserResource[EnterpriseUser],
    ScimKind.GROUP: GroupResource,
}
_MOST_BYTES: Final = 64 * 1024
# A password would open nothing here; the others are kept elsewhere.
_NOT_KEPT: Final = frozenset({"id", "meta", "externalId", "active", "groups", "members", "password"})


def described_user(resource: Resource[Any]) -> DescribedUser:
    """Return what a document says about a user."""
    user: Any = resource
    name = user.name
    formatted = name and (name.formatted or " ".join(filter(None, (name.given_name, name.family_name))))
    return DescribedUser(
        user_name=user.user_name or "",
        external_id=user.external_id or None,
        display_name=user.display_name or formatted or "",
        email=_mail(user.emails or ()),
        active=user.active,
        document=_document(resource),
    )


def described_group(resource: Resource[Any]) -> DescribedGroup:
    """Return what a document says about a group, without its members."""
    group: Any = resource
    return DescribedGroup(
        display_name=group.display_name or "",
        external_id=group.external_id or None,
        document=_document(resource),
    )


def shown(stored: ScimResource, *, groups: Iterable[Mapping[str, str]] = ()) -> Resource[Any]:
    """Return the document of a user or a group; `groups` are its groups, or its members."""
    extra: dict[str, Any] = {"id": stored.resource_id}
    if stored.external_id is not None:
        extra["externalId"] = stored.external_id
    if stored.kind is ScimKind.USER:
        extra |= {"active": stored.active, "groups": list(groups)}
    elif members := list(groups):
        extra["members"] = members
    document = MODELS[stored.kind].model_validate({**stored.document, **extra})
    document.meta = Meta(
        resource_type=stored.kind.value,
        created=stored.created_at,
        last_modified=stored.updated_at,
        version=version(stored.resource_id, stored.updated_at),
    )
    return document


def version(resource_id: str, updated_at: datetime) -> str:
    """Return the entity tag of a resource that was written at a time."""
    digest = sha256(f"{resource_id} {updated_at.isoformat()}".encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def _mail(emails: Iterable[Any]) -> str | None:
    """Return the primary address, else that of work, else the first one."""
    given = [each for each in emails if each.value]
    for chosen in (lambda each: each.primary, lambda each: each.type == "work", lambda each: True):
        for each in given:
            if chosen(each):
                return str(each.value)
    return None


def _document(resource: Resource[Any]) -> Mapping[str, Any]:
    dumped = resource.model_dump(mode="json")
    document = {name: value for name, value in dumped.items() if name not in _NOT_KEPT}
    if len(json.dumps(document)) > _MOST_BYTES:
        raise InvalidValueException(
            detail=f"A resource has at most {_MOST_BYTES:,} bytes without its members"
        )
    return document
