"""Connects the SCIM library to the use cases: one request is one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from scim2_models import (
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import AsyncScimStorage, SearchPage

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.shared.large_documents import off_loop
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
from ambassador_server.web.admin.scim.protocol import MOST_RESULTS

_BATCH: Final = 500
_INDEXED: Final = {
    (ScimKind.USER, "username"): "name_key",
    (ScimKind.GROUP, "displayname"): "name_key",
    (ScimKind.USER, "externalid"): "external_id",
    (ScimKind.GROUP, "externalid"): "external_id",
    (ScimKind.USER, "id"): "resource_id",
    (ScimKind.GROUP, "id"): "resource_id",
}
"""The attributes by which a resource is found without reading all of them, and the fields that hold them."""


class ProvisioningStorage(AsyncScimStorage):
    """The resources of one issuer, for one request."""

    def __init__(self, requests: ProvisioningRequests, requester: Requester, *, changes: bool) -> None:
        self._requests = requests
        self._requester = requester
        self._changes = changes
        self._open: Provisioning | None = None

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Open the transaction of the request."""
        async with self._requests.open(self._requester, changes=self._changes) as request:
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
        """Return a resource; without its members if they are not wanted."""
        stored = await self._request.find(_kind(resource_type), resource_id)
        excluded = () if response_parameters is None else response_parameters.excluded_attributes or ()
        if stored.kind is ScimKind.GROUP and any(str(path).casefold() == "members" for path in excluded):
            return shown(stored)
        return await self._shown(stored)

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return one page of the resources."""
        if len(resource_types) != 1:
            raise NotImplementedException(detail="Users and groups are searched one kind at a time")
        kind = _kind(resource_types[0])
        start = max(search_request.start_index or 1, 1) - 1
        count = MOST_RESULTS if search_request.count is None else min(search_request.count, MOST_RESULTS)
        if search_request.filter is None:
            work, issuer_id = self._request.work, self._request.issuer.issuer_id
            total = await work.scim.count(issuer_id, kind)
            stored = await work.scim.window(issuer_id, kind, start=start, limit=count) if count else []
            return SearchPage(total, [await self._shown(each) for each in stored])
        found = await self._matching(kind, search_request.filter)
        return SearchPage(len(found), found[start : start + count])

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a resource."""
        if _kind(resource_type) is ScimKind.USER:
            stored, _ = await create_user(self._request, described_user(resource))
        else:
            stored = await create_group(self._request, described_group(resource))
        return await self._shown(stored)

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a resource, if it has the expected version."""
        kind, resource_id = _kind(resource_type), str(resource.id)
        await self._check_version(kind, resource_id, expected_version)
        if kind is ScimKind.USER:
            stored, _ = await replace_user(self._request, resource_id, described_user(resource))
        else:
            stored = await replace_group(self._request, resource_id, described_group(resource))
        return await self._shown(stored)

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

    async def _shown(self, stored: ScimResource) -> Resource[Any]:
        memberships = self._request.work.memberships
        if stored.kind is ScimKind.GROUP:
            members = await memberships.of(group_id=stored.resource_id)
            return shown(
                stored,
                groups=[
                    {"value": each.user_id, "$ref": f"Users/{each.user_id}", "type": "User"}
                    for each in members
                ],
            )
        groups = []
        for each in await memberships.of(user_id=stored.resource_id):
            group = await self._request.work.groups.get(each.group_id)
            if group is not None and group.provisioner == stored.issuer_id:
                groups.append(
                    {"value": group.group_id, "$ref": f"Groups/{group.group_id}", "display": group.name}
                )
        return shown(stored, groups=groups)

    async def _matching(self, kind: ScimKind, wanted: ScimFilter[Any]) -> list[Resource[Any]]:
        """Return the resources that a filter matches, reading only those with the value if the filter names one."""
        named = _named(kind, wanted)
        if named is not None:
            found = [await self._shown(each) for each in await self._request.of(kind, **named)]
            return [each for each in found if wanted.match(each)]
        work, issuer_id = self._request.work, self._request.issuer.issuer_id
        matching: list[Resource[Any]] = []
        start = 0
        while batch := await work.scim.window(issuer_id, kind, start=start, limit=_BATCH):
            start += len(batch)
            if "members" in str(wanted).casefold() or "groups" in str(wanted).casefold():
                documents = [await self._shown(each) for each in batch]
                matching += await off_loop(_matches, documents, wanted)
            else:
                ids = await off_loop(_matching_ids, batch, wanted)
                matching += [await self._shown(each) for each in batch if each.resource_id in ids]
        return matching


def _kind(resource_type: ResourceType) -> ScimKind:
    return ScimKind(str(resource_type.name))


def _named(kind: ScimKind, wanted: ScimFilter[Any]) -> dict[str, str] | None:
    node = wanted.ast
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq:
        return None
    field = _INDEXED.get((kind, str(node.attr_path).casefold()))
    if field is None or not isinstance(node.value, str):
        return None
    return {field: node.value.casefold() if field == "name_key" else node.value}


def _matches(documents: Sequence[Resource[Any]], wanted: ScimFilter[Any]) -> list[Resource[Any]]:
    return [each for each in documents if wanted.match(each)]


def _matching_ids(batch: Sequence[ScimResource], wanted: ScimFilter[Any]) -> frozenset[str]:
    return frozenset(each.resource_id for each in batch if wanted.match(shown(each)))
