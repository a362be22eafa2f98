"""What hosts get for denied requests."""

from typing import Any, Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import DENIAL
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import UNKNOWN, Deny, LackingApproval, Reason
from ambassador_server.mcp.envelope import error_object
from ambassador_server.ports.exchange import Reply
from ambassador_server.wording.refusals import refusal_text, told_reason

_INVALID: Final = frozenset({Reason.FIXED_ARGUMENT, Reason.ARGUMENTS_UNREADABLE})


class _OwnError(msgspec.Struct):
    data: dict[str, Any] = {}


_error_decoder = msgspec.json.Decoder(_OwnError)


def refusal_of(deny: Deny, kind: CapabilityKind, name: str) -> Reply:
    """Return the error for a denied request; what is hidden from the caller looks like what does not exist.

    A call that lacks an approval gets a result, because many hosts show models no errors, and these can wait.
    """
    if deny.approval is not None and kind is CapabilityKind.TOOL:
        return _unapproved(deny, deny.approval, name)
    is_invalid = not deny.disclosed or deny.reason in _INVALID
    code = Code.INVALID_PARAMS if is_invalid else Code.DENIED
    data: dict[str, Any] = {"reason": told_reason(deny, kind).value}
    if deny.approval is not None and deny.approval.request_id is not None:
        data["request"] = deny.approval.request_id
    if deny.limit is not None:
        data["limit"] = deny.limit.name
        if deny.limit.wait_seconds is not None:
            data["retryAfterSeconds"] = deny.limit.wait_seconds
    return Reply(result=None, error=error_object(code, refusal_text(deny, name, kind), data))


def _unapproved(deny: Deny, lacking: LackingApproval, name: str) -> Reply:
    about = {"reason": deny.reason.value, "request": lacking.request_id}
    result = {
        "content": [{"type": "text", "text": refusal_text(deny, name)}],
        "isError": True,
        "_meta": {DENIAL: {key: value for key, value in about.items() if value is not None}},
    }
    return Reply(result=msgspec.json.encode(result), error=None)


def is_unknown(refusal: Reply) -> bool:
    """Tell whether a refusal of ours says that there is no such capability."""
    if refusal.error is None:
        return False
    reason = _error_decoder.decode(refusal.error).data.get("reason")
    return reason in UNKNOWN.values()
