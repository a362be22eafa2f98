"""completion/complete: completes an argument of a prompt or of a template of resources."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.caller import Caller, Outcome
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_clear_members
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target
from ambassador_server.member_names import MemberNames
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.catalog import Catalog

_REFERENCE_NAMES: Final = MemberNames(("type", "name", "uri"), usual=("title",))


class CompletionMethods:
    """Completes arguments for a principal; the reference names what the principal may use."""

    def __init__(self, *, catalog: Catalog, requests: GovernedRequests) -> None:
        self._catalog = catalog
        self._requests = requests

    async def complete(self, request: Request, caller: Caller) -> Outcome:
        """Serve completion/complete."""
        raw = request.params.get("ref", msgspec.Raw(b"null"))
        reference = read_clear_members(raw, _REFERENCE_NAMES, "params.ref")
        answer = await self._requests.call(request, caller, _target(reference))
        return answer.reply if isinstance(answer, Answered) else answer


def _target(reference: Mapping[str, msgspec.Raw]) -> Target:
    members = {name: bytes(raw) for name, raw in reference.items()}
    kind = _text(reference, "type")
    if "name" in reference and "uri" in reference:
        raise EnvelopeError(Code.INVALID_PARAMS, "params.ref has both a name and a uri")
    if kind == "ref/prompt":
        return Target(kind=CapabilityKind.PROMPT, name=_text(reference, "name"), reference=members)
    if kind == "ref/resource":
        return Target(kind=CapabilityKind.RESOURCE, name=_text(reference, "uri"), reference=members)
    raise EnvelopeError(Code.INVALID_PARAMS, "params.ref.type must be ref/prompt or ref/resource")


def _text(reference: Mapping[str, msgspec.Raw], name: str) -> str:
    try:
        return msgspec.json.decode(reference[name], type=str)
    except (KeyError, msgspec.MsgspecError):
        raise EnvelopeError(Code.INVALID_PARAMS, f"params.ref.{name} must be a text") from None
