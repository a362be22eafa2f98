"""Connects the SCIM library to the use cases: one request is one transaction."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate
from typing import Any, Final

from scim2_models import (
    InvalidValueException,
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.services.administration.described_members import MemberChanges
from ambassador_server.services.administration.provisioned_groups import (
    create_group,
    delete_group,
    replace_group,
)
from ambassador_server.services.administration.provisioned_users import (
    create_user,
    delete_user,
    replace_user,
)
from ambassador_server.services.administration.provisioning import Provisioning, ProvisioningRequests
from ambassador_server.web.admin.scim.documents import described_group, described_user, shown, version
from ambassador_server.web.admin.scim.filters import indexed_values, named_members
from ambassador_server.web.admin.scim.members import shown_member, wants_members
from ambassador_server.web.admin.scim.protocol import MOST_RESULTS
from ambassador_server.web.admin.scim.threads import READING

_BATCH: Final = 500
MOST_MEMBERS: Final = 20_000
"""A page of groups ends before it has more members than this, unless its first group has."""


class ProvisioningStorage(AsyncScimStorage):
    """The resources of one issuer, for one request.

    `changes` are those of the members of a group, None if the request names none. With `shows_members` the answer to a
    change of a group shows them. `members` are those of each group in the answer; the library sees the first of them.
    """

    def __init__(
        self,
        requests: ProvisioningRequests,
        requester: Requester,
        *,
        writes: bool,
        changes: MemberChanges | None,
        shows_members: bool,
    ) -> None:
        self._requests = requests
        self._requester = requester
        self._writes = writes
        self._member_changes = changes or MemberChanges()
        self._shows_members = shows_members
        self._open: Provisioning | None = None
        self.changes_members = changes is not None
        self.members: dict[str, Sequence[str]] = {}

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Open the transaction of the request."""
        async with self._requests.open(self._requester, changes=self._writes) as request:
            self._open = request
            yield

    @asynccontextmanager
    async def searching(
        self, resource_types: Sequence[ResourceType], wanted: SearchRequest[Any]
    ) -> AsyncIterator[None]:
        """Open the transaction of a search; one that has to read every resource waits for its turn."""
        condition = wanted.filter
        scans = condition is not None and not any(
            indexed_values(_kind(each), condition) for each in resource_types
        )
        opened = self._requests.scan if scans else self._requests.read
        async with opened(self._requester) as request:
            self._open = request
            yield

    @property
    def _request(self) -> Provisioning:
        if self._open is None:
            raise RuntimeError("No transaction is open")
        return self._open

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a resource; a group without its members if they are not wanted, as for a change."""
        stored = await self._request.find(_kind(resource_type), resource_id)
        wanted = response_parameters is not None and _wants_members(response_parameters)
        return (await self._shown(stored.kind, [stored], members=wanted))[0]

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return one page of the resources; it has fewer than wanted if these have very many members."""
        if len(resource_types) != 1:
            raise NotImplementedException(detail="Users and groups are searched one kind at a time")
        kind = _kind(resource_types[0])
        start = max(search_request.start_index or 1, 1) - 1
        count = MOST_RESULTS if search_request.count is None else min(search_request.count, MOST_RESULTS)
        if search_request.filter is None:
            work, issuer_id = self._request.work, self._request.issuer.issuer_id
            total = await work.scim.count(issuer_id, kind)
            page = await work.scim.window(issuer_id, kind, start=start, limit=count) if count else []
        else:
            total, page = await self._matching(kind, search_request.filter, start, count)
        return SearchPage(total, await self._shown(kind, page, members=_wants_members(search_request)))

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a resource."""
        _check_without_members(resource)
        if _kind(resource_type) is ScimKind.USER:
            stored, _ = await create_user(self._request, described_user(resource))
        else:
            stored = await create_group(self._request, described_group(resource), self._member_changes)
        return (await self._shown(stored.kind, [stored], members=self._shows_members))[0]

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a resource, if it has the expected version."""
        _check_without_members(resource)
        kind, resource_id = _kind(resource_type), str(resource.id)
        await self._check_version(kind, resource_id, expected_version)
        if kind is ScimKind.USER:
            stored, _ = await replace_user(self._request, resource_id, described_user(resource))
        else:
            described = described_group(resource)
            stored = await replace_group(self._request, resource_id, described, self._member_changes)
        return (await self._shown(kind, [stored], members=self._shows_members))[0]

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Deactivate a user, or delete a group."""
        kind = _kind(resource_type)
        await self._check_version(kind, resource_id, expected_version)
        if kind is ScimKind.USER:
            await delete_user(self._request, resource_id)
        else:
            await delete_group(self._request, resource_id)

    async def _check_version(self, kind: ScimKind, resource_id: str, expected: str | None) -> None:
        if expected is None:
            return
        stored = await self._request.find(kind, resource_id)
        if version(stored.resource_id, stored.updated_at) != expected:
            raise PreconditionFailedException

    async def _shown(
        self, kind: ScimKind, page: Sequence[ScimResource], *, members: bool = False
    ) -> list[Resource[Any]]:
        if kind is ScimKind.USER:
            return await self._shown_users(page)
        ids = [each.resource_id for each in page]
        memberships = self._request.work.memberships
        if members and len(ids) > 1:
            sizes = await memberships.sizes(ids)
            sums = accumulate(sizes.get(each, 0) for each in ids)
            ids = ids[: max(1, sum(each <= MOST_MEMBERS for each in sums))]
        inside = await memberships.members_of(ids) if members else {}
        self.members |= inside
        return [
            shown(each, groups=[shown_member(user_id) for user_id in inside.get(each.resource_id, ())[:1]])
            for each in page[: len(ids)]
        ]

    async def _shown_users(self, page: Sequence[ScimResource]) -> list[Resource[Any]]:
        ids = [each.resource_id for each in page]
        described = self._request.work.memberships.described_groups_of
        groups = await described(ids, self._request.issuer.issuer_id)
        return [shown(each, groups=_groups(groups.get(each.resource_id, ()))) for each in page]

    async def _matching(
        self, kind: ScimKind, wanted: ScimFilter[Any], start: int, count: int
    ) -> tuple[int, list[ScimResource]]:
        """Return how many resources a filter matches, and a page of them.

        Only those with an indexed value are read if the filter names one; else all are, and the page alone is kept.
        """
        named = named_members(wanted) if kind is ScimKind.GROUP else frozenset()
        total, page = 0, []
        async for batch in self._candidates(kind, wanted):
            groups = await self._compared(kind, batch, wanted, named)
            for each in await off_loop(_matches, batch, groups, wanted, thread=READING):
                if start <= total < start + count:
                    page.append(each)
                total += 1
        return total, page

    async def _candidates(
        self, kind: ScimKind, wanted: ScimFilter[Any]
    ) -> AsyncIterator[Sequence[ScimResource]]:
        values = indexed_values(kind, wanted)
        if values:
            yield await self._request.of(kind, **values)
            return
        work, issuer_id, start = self._request.work, self._request.issuer.issuer_id, 0
        while batch := await work.scim.window(issuer_id, kind, start=start, limit=_BATCH):
            start += len(batch)
            yield batch

    async def _compared(
        self, kind: ScimKind, batch: Sequence[ScimResource], wanted: ScimFilter[Any], named: frozenset[str]
    ) -> dict[str, list[dict[str, str]]]:
        """Return the groups of users, or the named members of groups, that a filter asks about."""
        memberships, found = self._request.work.memberships, dict[str, list[dict[str, str]]]()
        if kind is ScimKind.GROUP and named:
            issuer_id = self._request.issuer.issuer_id
            for user_id, groups in (await memberships.described_groups_of(named, issuer_id)).items():
                for group_id, _ in groups:
                    found.setdefault(group_id, []).append(dict(shown_member(user_id)))
        elif kind is ScimKind.USER and "groups" in str(wanted).casefold():
            ids, issuer_id = [each.resource_id for each in batch], self._request.issuer.issuer_id
            for user_id, groups in (await memberships.described_groups_of(ids, issuer_id)).items():
                found[user_id] = _groups(groups)
        return found


def _kind(resource_type: ResourceType) -> ScimKind:
    return ScimKind(str(resource_type.name))


def _check_without_members(resource: Resource[Any]) -> None:
    """Raise InvalidValueException for a group with members: they were to be taken out, and would be lost here."""
    if getattr(resource, "members", None) is not None:
        raise InvalidValueException(detail="members: given in a form that is not understood")


def _groups(groups: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"value": each, "$ref": f"Groups/{each}", "display": name} for each, name in groups]


def _wants_members(parameters: ResponseParameters[Any]) -> bool:
    return wants_members(parameters.attributes, parameters.excluded_attributes)


def _matches(
    batch: Sequence[ScimResource],
    groups: dict[str, list[dict[str, str]]],
    wanted: ScimFilter[Any],
) -> list[ScimResource]:
    return [each for each in batch if wanted.match(shown(each, groups=groups.get(each.resource_id, ())))]
