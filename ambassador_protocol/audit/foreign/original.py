"""The audit format of the Node.js MCP Ambassador."""

from typing import Any, Final

from ambassador_protocol.audit.foreign import Event
from ambassador_protocol.audit.foreign.parts import Rule, target, without_none, word_for

EVENTS: Final = (
    Rule("call:*:attempt", None, "authz_permit"),
    Rule("call:*:deny", None, "authz_deny"),
    Rule("call:*:outcome", "succeeded", "tool_invocation"),
    Rule("call:*:outcome", "failed", "tool_error"),
    Rule("session:*:close", None, "admin_action"),
    Rule("session:*:expire", None, "admin_action"),
    Rule("session:*", "succeeded", "auth_success"),
    Rule("session:*", "denied", "auth_failure"),
    Rule("session:*", "failed", "auth_failure"),
    Rule("admin:*", None, "admin_action"),
    Rule("kill:*", None, "admin_action"),
    Rule("credential:*", None, "admin_action"),
)
"""The event of an action; the first rule that fits holds, and an action without one is its own event."""

_IN_RESPONSE: Final = {
    "milliseconds": "duration_ms",
    "result_bytes": "bytes",
    "result_sha256": "sha256",
    "is_error": "is_error",
}
_IN_AUTHORIZATION: Final = {"grant": "grant", "switch": "kill_switch", "limit": "limit"}
_DECISIONS: Final = {"attempt": "permit", "deny": "deny"}


def convert(event: Event) -> dict[str, Any]:
    """Return the event with the nine members of the format, each of which is there, and nothing left out."""
    details = dict(event.get("details") or {})
    response = _taken(details, _IN_RESPONSE)
    authorization = _taken(details, _IN_AUTHORIZATION)
    actor, about = event["actor"], target(event)
    return {
        "timestamp": event.get("at"),
        "event": word_for(event, EVENTS),
        "user": actor.get("name"),
        "client_id": actor.get("key_id"),
        "tool": about.capability,
        "downstream_mcp": about.mcp,
        "request": _request(event, details),
        "response": _response(event, response),
        "authorization": _authorization(event, authorization),
    }


def _request(event: Event, details: dict[str, Any]) -> dict[str, Any]:
    arguments = details.pop("arguments", None)
    return without_none(
        {
            "id": event.get("request_id"),
            "record": f"{event['writer']}:{event['seq']}",
            "action": event["action"],
            "session_id": event.get("session_id"),
            "source_ip": event.get("source"),
            "user": without_none({"kind": event["actor"].get("kind"), "id": event["actor"].get("id")}),
            "client_name": event["actor"].get("key_name"),
            "resource": without_none(dict(event["resource"])),
            "arguments": arguments,
            "details": details or None,
        }
    )


def _response(event: Event, members: dict[str, Any]) -> dict[str, Any] | None:
    """Return how the action ended; None if it was about to begin."""
    if event["outcome"] == "permitted":
        return None
    return without_none({"status": event["outcome"], "reason": event.get("reason"), **members})


def _authorization(event: Event, members: dict[str, Any]) -> dict[str, Any] | None:
    """Return the decision on a call; None for everything else."""
    area, _, rest = str(event["action"]).partition(":")
    decision = _DECISIONS.get(rest.rpartition(":")[2]) if area == "call" else None
    if decision is None:
        return members or None
    return without_none({"decision": decision, "reason": event.get("reason"), **members})


def _taken(details: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Take members out of the details and return them under their names in the format."""
    return {word: details.pop(name) for name, word in names.items() if name in details}
