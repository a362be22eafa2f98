"""resources/list, resources/templates/list and resources/read over raw bytes, independent of the era."""

from functools import partial
from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.caller import Caller, Outcome
from ambassador_server.mcp.envelope import Request, read_members, write_members
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target, text_param
from ambassador_server.mcp.methods.pages import check_cursor, page_of, renamed
from ambassador_server.mcp.methods.result_uris import map_contents
from ambassador_server.mcp.methods.results import mapped_result
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.catalog import Catalog

_LEGACY_NOT_FOUND: Final = -32002
_NOT_CACHED: Final = {"ttlMs": msgspec.Raw(b"0"), "cacheScope": msgspec.Raw(b'"private"')}


class _Error(msgspec.Struct):
    code: int = 0


class ResourceMethods:
    """Lists and reads resources for a principal."""

    def __init__(self, *, catalog: Catalog, requests: GovernedRequests) -> None:
        self._catalog = catalog
        self._requests = requests

    async def list(self, request: Request, caller: Caller) -> Outcome:
        """Serve resources/list: one page, in catalog order."""
        check_cursor(request)
        resources = self._catalog.permitted(caller.principal, self._catalog.index().resources)
        return await page_of(b"resources", resources, lambda entry: renamed(entry, "uri"))

    async def list_templates(self, request: Request, caller: Caller) -> Outcome:
        """Serve resources/templates/list: one page, in catalog order."""
        check_cursor(request)
        templates = self._catalog.permitted(caller.principal, self._catalog.index().templates)
        return await page_of(b"resourceTemplates", templates, lambda entry: renamed(entry, "uriTemplate"))

    async def read(self, request: Request, caller: Caller) -> Outcome:
        """Serve resources/read."""
        uri = text_param(request, "uri", "the URI of a resource")
        answer = await self._requests.call(request, caller, Target(kind=CapabilityKind.RESOURCE, name=uri))
        if not isinstance(answer, Answered):
            return answer
        if answer.reply.error is not None:
            return _error_of_era(answer.reply, answer.reply.error, caller)
        publish = partial(self._catalog.published_uri, answer.mcp_id)
        reply = await mapped_result(answer.reply, lambda result: map_contents(result, publish))
        return await mapped_result(reply, _for_one_principal) if caller.is_modern else reply


def _for_one_principal(result: bytes) -> bytes:
    """Say that no cache may share the result, because what a principal may read depends on its grants."""
    members = read_members(result)
    lifetime = members.get("ttlMs", _NOT_CACHED["ttlMs"])
    return write_members(members | _NOT_CACHED | {"ttlMs": lifetime})


def _error_of_era(reply: Reply, error: bytes, caller: Caller) -> Reply:
    """Return an error with the code that a modern host knows: it has no code of its own for what is not found."""
    if not caller.is_modern:
        return reply
    try:
        if msgspec.json.decode(error, type=_Error).code != _LEGACY_NOT_FOUND:
            return reply
    except msgspec.MsgspecError:
        return reply
    code = {"code": msgspec.Raw(b"%d" % Code.INVALID_PARAMS)}
    return Reply(result=None, error=write_members(read_members(error) | code))
