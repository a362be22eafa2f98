"""Formats audit events in the Open Cybersecurity Schema Framework: one JSON object per line."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ambassador_admin.output.export.cef import epoch
from ambassador_admin.output.export.json_objects import JsonObjects
from ambassador_admin.output.view import Item, lookup
from ambassador_protocol import __version__

SCHEMA = "1.3.0"
_PRODUCT = {"name": "MCP Ambassador", "vendor_name": "MCP Ambassador", "version": __version__}


@dataclass(frozen=True, slots=True)
class EventClass:
    """An OCSF event class and its category."""

    uid: int
    name: str
    category_uid: int
    category: str


API = EventClass(6003, "API Activity", 6, "Application Activity")
LIFECYCLE = EventClass(6002, "Application Lifecycle", 6, "Application Activity")
AUTHENTICATION = EventClass(3002, "Authentication", 3, "Identity & Access Management")
ENTITY = EventClass(3004, "Entity Management", 3, "Identity & Access Management")

CLASSES = {
    "call": API,
    "session": AUTHENTICATION,
    "admin": ENTITY,
    "kill": ENTITY,
    "approval": ENTITY,
    "credential": ENTITY,
    "system": LIFECYCLE,
}
"""The class for the first word of the action; the default is API Activity."""

_OTHER = 99
ACTIVITIES: dict[int, dict[str, tuple[int, str]]] = {
    AUTHENTICATION.uid: {"open": (1, "Logon"), "refuse": (1, "Logon"), "close": (2, "Logoff")},
    LIFECYCLE.uid: {"start": (3, "Start"), "stop": (4, "Stop")},
    ENTITY.uid: {
        **dict.fromkeys(("create", "add", "issue"), (1, "Create")),
        **dict.fromkeys(("update", "set", "set-password", "rotate", "restart"), (3, "Update")),
        **dict.fromkeys(("add-member", "remove-member"), (3, "Update")),
        **dict.fromkeys(("remove", "revoke", "archive"), (4, "Delete")),
        **dict.fromkeys(("publish", "activate"), (8, "Enable")),
        "lift": (9, "Disable"),
    },
}
"""The activity for the last word of the action; the default is 99 with that word as its name."""

_SEVERITIES = {"denied": (3, "Medium"), "failed": (2, "Low")}
_KILL = (4, "High")
_INFORMATIONAL = (1, "Informational")


def ocsf_event(event: Item) -> dict[str, Any]:
    """Return the event as an OCSF object; absent attributes are None."""
    area, _, rest = str(event["action"]).partition(":")
    verb = rest.rpartition(":")[2]
    kind = CLASSES.get(area, API)
    activity_id, activity = ACTIVITIES.get(kind.uid, {}).get(verb, (_OTHER, verb))
    severity_id, severity = _KILL if area == "kill" else _SEVERITIES.get(event["outcome"], _INFORMATIONAL)
    is_bad = event["outcome"] in _SEVERITIES
    return {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": kind.category_uid,
        "category_name": kind.category,
        "class_uid": kind.uid,
        "class_name": kind.name,
        "type_uid": kind.uid * 100 + activity_id,
        "time": epoch(str(event["at"])),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 2 if is_bad else 1,
        "status": "Failure" if is_bad else "Success",
        "status_code": event["outcome"],
        "status_detail": event.get("reason"),
        "action_id": 2 if event["outcome"] == "denied" else 1,
        "action": "Denied" if event["outcome"] == "denied" else "Allowed",
        "duration": _whole_number(lookup(event, "details.milliseconds")),
        "metadata": {
            "version": SCHEMA,
            "profiles": ["security_control"],
            "product": _PRODUCT,
            "uid": event.get("id"),
            "event_code": event["action"],
            "correlation_uid": event.get("request_id"),
            "log_name": event.get("writer"),
            "sequence": event.get("seq"),
        },
        "actor": {"user": _user(event), "session": _session(event)},
        "src_endpoint": _endpoint(event.get("source")),
        **_class_attributes(kind, event),
        "unmapped": {"details": event.get("details"), "digest": event.get("digest")},
    }


def _class_attributes(kind: EventClass, event: Item) -> dict[str, Any]:
    """Return the attributes that only this class has."""
    resource = {
        "type": lookup(event, "resource.kind"),
        "name": lookup(event, "resource.name"),
        "uid": lookup(event, "resource.id"),
    }
    match kind.uid:
        case API.uid:
            request = {"uid": event.get("request_id")}
            return {
                "api": {"operation": resource["name"] or "unknown", "request": request},
                "resources": [resource],
            }
        case AUTHENTICATION.uid:
            return {"user": _user(event), "session": _session(event), "service": {"name": _PRODUCT["name"]}}
        case ENTITY.uid:
            return {"entity": resource}
        case _:
            return {"app": {**_PRODUCT, "feature": resource}}


def _user(event: Item) -> dict[str, Any]:
    return {
        "name": lookup(event, "actor.name") or "unknown",
        "uid": lookup(event, "actor.id"),
        "type": lookup(event, "actor.kind"),
        "credential_uid": lookup(event, "actor.key_id"),
    }


def _session(event: Item) -> dict[str, Any] | None:
    session_id = event.get("session_id")
    return None if session_id is None else {"uid": session_id}


def _endpoint(source: Any) -> dict[str, str]:
    if not source:
        return {"name": "unknown"}
    try:
        return {"ip": str(ip_address(source))}
    except ValueError:
        return {"name": source}


def _whole_number(milliseconds: Any) -> int | None:
    return round(milliseconds) if isinstance(milliseconds, int | float) else None


def _without_none(value: Any) -> Any:
    """Return the value without members that are None or empty objects; the event's details are unchanged."""
    if not isinstance(value, dict):
        return value
    members = {
        name: member if name == "details" else _without_none(member)
        for name, member in value.items()
        if member is not None
    }
    return {name: member for name, member in members.items() if member != {}}


LAYOUT = JsonObjects(lambda event: _without_none(ocsf_event(event)))
