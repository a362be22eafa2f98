"""How the answers of single tools look in the answer of a tool of our own: the same as those of direct calls."""

from typing import Final

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.mcp.methods.result_uris import map_tool_result
from ambassador_server.services.calls.broadcasts import Wording
from ambassador_server.tool_results import unfinished_kind, unfinished_text, valid_result
from ambassador_server.wording.refusals import refusal_text, told_reason


def _unfinished(result: bytes) -> str | None:
    kind = unfinished_kind(result)
    return None if kind is None else unfinished_text(kind)


def _refusal(deny: Deny, name: str) -> str:
    return refusal_text(deny, name, CapabilityKind.TOOL)


def _reason(deny: Deny) -> str:
    return told_reason(deny, CapabilityKind.TOOL).value


WORDING: Final = Wording(
    refusal=_refusal,
    reason=_reason,
    valid_result=valid_result,
    unfinished=_unfinished,
    mapped=map_tool_result,
)
