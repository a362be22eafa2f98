"""prompts/list and prompts/get over raw bytes, independent of the era."""

from functools import partial

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.caller import Caller, Outcome
from ambassador_server.mcp.envelope import Request
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target, text_param
from ambassador_server.mcp.methods.pages import check_cursor, page_of, renamed
from ambassador_server.mcp.methods.result_uris import map_prompt_result
from ambassador_server.mcp.methods.results import mapped_result
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.catalog import Catalog


class PromptMethods:
    """Lists and gets prompts for a principal."""

    def __init__(self, *, catalog: Catalog, requests: GovernedRequests) -> None:
        self._catalog = catalog
        self._requests = requests

    async def list(self, request: Request, caller: Caller) -> Outcome:
        """Serve prompts/list: one page, in catalog order."""
        check_cursor(request)
        prompts = self._catalog.permitted(caller.principal, self._catalog.index().prompts)
        return await page_of(b"prompts", prompts, lambda entry: renamed(entry, "name"))

    async def get(self, request: Request, caller: Caller) -> Outcome:
        """Serve prompts/get."""
        name = text_param(request, "name", "the name of a prompt")
        answer = await self._requests.call(request, caller, Target(kind=CapabilityKind.PROMPT, name=name))
        if not isinstance(answer, Answered):
            return answer
        publish = partial(self._catalog.published_uri, answer.mcp_id)
        return await mapped_result(answer.reply, lambda result: map_prompt_result(result, publish))
