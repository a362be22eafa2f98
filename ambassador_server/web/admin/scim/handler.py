"""Serves SCIM requests in the steps of the library; long steps run in a thread, so that the event loop goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, TypeVarTuple

from scim2_models import ResourceType
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.web.admin.scim.protocol import SERVICE
from ambassador_server.web.admin.scim.storage import ProvisioningStorage
from ambassador_server.web.admin.scim.threads import CHANGING, READING

SHORT_BYTES: Final = 4 * 1024
_SHORT_LIST: Final = 5
"""The library takes a millisecond for each resource of a list, and for each kilobyte of a body."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class ProvisioningHandler(AsyncScimHandler):
    """Serves one request. A change of members alone reaches the storage as well, although the library sees none."""

    storage: ProvisioningStorage

    def __init__(self, storage: ProvisioningStorage) -> None:
        super().__init__(SERVICE, storage)

    async def create(self, request: ScimRequest) -> ScimResponse:
        """Create a resource."""
        with self.service.provider:
            kind, _ = self._target(request, Operation.create)
            read = self.service.read_creation
            resource = await _step(request, read, kind, request.body, request.header("Content-Type"))
            async with self.storage.operation():
                created = await self.storage.create(kind, resource)
            return self.service.creation_response(request.base_url, created)

    async def replace(self, request: ScimRequest) -> ScimResponse:
        """Replace a resource."""
        with self.service.provider:
            kind, resource_id = self._target(request, Operation.replace)
            parameters = self.service.read_response_parameters(kind, request.query)
            read, conditions = self.service.read_replacement, self.service.read_conditions(request)
            resource = await _step(request, read, kind, request.body, request.header("Content-Type"))
            async with self.storage.operation():
                before = await self.storage.get(kind, resource_id)
                expected = None if before.meta is None else before.meta.version
                apply = self.service.apply_replacement
                changed = (
                    await _step(request, apply, before, resource, conditions, thread=CHANGING) is not None
                )
                after = before
                if changed or self.storage.changes_members:
                    after = await self.storage.update(kind, resource, expected_version=expected)
            return self.service.replacement_response(request.base_url, after, parameters)

    async def patch(self, request: ScimRequest) -> ScimResponse:
        """Change a resource."""
        with self.service.provider:
            kind, resource_id = self._target(request, Operation.patch)
            parameters = self.service.read_response_parameters(kind, request.query)
            read, conditions = self.service.read_patch, self.service.read_conditions(request)
            operations = await _step(request, read, kind, request.body, request.header("Content-Type"))
            async with self.storage.operation():
                resource = await self.storage.get(kind, resource_id)
                expected = None if resource.meta is None else resource.meta.version
                apply = self.service.apply_patch
                changed = (
                    await _step(request, apply, resource, operations, conditions, thread=CHANGING) is not None
                )
                if changed or self.storage.changes_members:
                    resource = await self.storage.update(kind, resource, expected_version=expected)
            return self.service.patch_response(request.base_url, resource, parameters)

    async def search(self, request: ScimRequest) -> ScimResponse:
        """Search with GET."""
        return await self._searched(
            request, Operation.search, lambda kinds: self.service.read_search_query(kinds, request.query)
        )

    async def search_with_body(self, request: ScimRequest) -> ScimResponse:
        """Search with POST."""
        content_type = request.header("Content-Type")
        return await self._searched(
            request,
            Operation.search_with_body,
            lambda kinds: self.service.read_search_body(kinds, request.body, content_type),
        )

    async def _searched(
        self, request: ScimRequest, operation: Operation, read: Callable[[list[ResourceType]], Any]
    ) -> ScimResponse:
        with self.service.provider:
            kinds = self.service.searched_types(self.service.route(request, operation).endpoint)
            wanted, _ = await _step(request, read, kinds)
            async with self.storage.searching(kinds, wanted):
                page = await self.storage.search(kinds, wanted)
            answer = self.service.search_response
            if len(page.resources) <= _SHORT_LIST:
                return answer(request.base_url, kinds, page, wanted)
            return await off_loop(answer, request.base_url, kinds, page, wanted, thread=READING)

    def _target(self, request: ScimRequest, operation: Operation) -> tuple[ResourceType, str]:
        target = self.service.route(request, operation)
        return self.service.resource_type_at(target.endpoint or ""), target.resource_id or ""


async def _step(
    request: ScimRequest,
    work: Callable[[*Ts], T],
    *arguments: *Ts,
    thread: ThreadPoolExecutor = READING,
) -> T:
    if len(request.body) <= SHORT_BYTES:
        return work(*arguments)
    return await off_loop(work, *arguments, thread=thread)
