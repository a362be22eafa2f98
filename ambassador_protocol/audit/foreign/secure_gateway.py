"""The audit format of secure-mcp-gateway: one flat object without null members."""

from collections.abc import Mapping
from typing import Any, Final

from ambassador_protocol.audit.foreign import Event
from ambassador_protocol.audit.foreign.parts import Rule, target, without_none, word_for

EVENT_TYPES: Final = (
    Rule("call:*:deny", None, "policy_violation"),
    Rule("call:*", None, "mcp_request"),
    Rule("session:*", None, "authentication"),
    Rule("admin:mcp:create", None, "tool_registration"),
    Rule("admin:mcp:publish", None, "tool_registration"),
    Rule("admin:mcp:archive", None, "tool_deletion"),
    Rule("admin:mcp:remove", None, "tool_deletion"),
)
"""The event type of an action; the first rule that fits holds, and an action without one is its own type."""

ACTIONS: Final = {"tool": "invoke_tool", "resource": "read_resource", "prompt": "get_prompt"}
"""The action of a call by its kind, unless its details name another method."""

STATUSES: Final = {"permitted": "pending", "succeeded": "success", "denied": "denied", "failed": "error"}

RESPONSE_STATUSES: Final = {
    "downstream_unavailable": 502,
    "overloaded": 503,
    "server_stopping": 503,
    "downstream_timeout": 504,
}
"""The status of a call without an answer, by its reason; a refused one has 403, an answered one 200."""

_USUAL_METHODS: Final = ("tools/call", "resources/read", "prompts/get")
_DECISIONS: Final = {"attempt": "allow", "deny": "deny"}


def convert(event: Event) -> dict[str, Any]:
    """Return the event in the format, which has no place for the details of a call besides its arguments."""
    details, step, about = event.get("details") or {}, _step(event), target(event)
    duration = details.get("milliseconds")
    return without_none(
        {
            "timestamp": event.get("at"),
            "level": "INFO",
            "logger": "audit",
            "message": "(audit)",
            "event_type": word_for(event, EVENT_TYPES),
            "user": event["actor"].get("name"),
            "action": _action(event, step, details),
            "mcp_server": about.mcp,
            "tool_name": about.capability,
            "parameters": _parameters(step, details),
            "status": STATUSES[event["outcome"]],
            "policy_decision": _DECISIONS.get(step or ""),
            "duration_ms": None if duration is None else round(duration),
            "response_status": _response_status(event, step, details),
            "error": None if step == "attempt" else _error(event, details),
            "ip_address": event.get("source"),
        }
    )


def _error(event: Event, details: Mapping[str, Any]) -> str | None:
    return event.get("reason") or ("tool_error" if details.get("is_error") else None)


def _step(event: Event) -> str | None:
    """Return which step of a call an event is; None for other events."""
    area, _, rest = str(event["action"]).partition(":")
    return rest.rpartition(":")[2] if area == "call" else None


def _action(event: Event, step: str | None, details: Mapping[str, Any]) -> str:
    method = details.get("method")
    if step is None:
        return str(event["action"])
    if method is not None and method not in _USUAL_METHODS:
        return str(method)
    return ACTIONS.get(event["resource"].get("kind"), str(event["action"]))


def _parameters(step: str | None, details: Mapping[str, Any]) -> Any:
    if step is None:
        return details or None
    # A record that was too large for its receiver has this instead of its arguments.
    omitted = details.get("omitted_bytes")
    return details.get("arguments") if omitted is None else {"omitted_bytes": omitted}


def _response_status(event: Event, step: str | None, details: Mapping[str, Any]) -> int | None:
    if step == "deny":
        return 403
    if step != "outcome":
        return None
    return 200 if "result_bytes" in details else RESPONSE_STATUSES.get(event.get("reason") or "")
