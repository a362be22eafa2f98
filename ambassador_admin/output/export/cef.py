"""Formats audit events in the Common Event Format, version 0: a header between bars, then `key=value` pairs.

Bars and backslashes in the header, equals signs and backslashes in values, line ends and control characters are
escaped, so that no field can forge another field or another event.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from typing import Any

from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Item, lookup
from ambassador_protocol import __version__

_SEVERITY = {"denied": 6, "failed": 5}
_KILL_SEVERITY = 8
_LOW = 2

VALUES = {
    "externalId": "id",
    "act": "action",
    "outcome": "outcome",
    "reason": "reason",
    "suid": "actor.id",
    "suser": "actor.name",
}
"""CEF keys and the fields they hold."""

CUSTOM = {
    "cs1": ("requestId", "request_id"),
    "cs2": ("sessionId", "session_id"),
    "cs3": ("resourceKind", "resource.kind"),
    "cs4": ("resource", "resource.name"),
    "cs5": ("clientKey", "actor.key_name"),
    "cs6": ("digest", "digest"),
}
"""Custom CEF keys, each with its label and its field."""


class _Cef:
    def header(self) -> Sequence[str]:
        return ()

    def line(self, event: Item) -> str:
        action = str(event["action"])
        header = ("CEF:0", "MCP Ambassador", "ambassador-server", __version__, action, _name(event))
        begin = "|".join([*map(_in_header, header), str(_severity(event))])
        pairs = {name: value for name, value in _extension(event).items() if value not in (None, "")}
        return begin + "|" + " ".join(f"{name}={_in_value(str(value))}" for name, value in pairs.items())


def _extension(event: Item) -> dict[str, Any]:
    pairs: dict[str, Any] = {"rt": epoch(str(event["at"])), "cat": str(event["action"]).partition(":")[0]}
    pairs |= {key: lookup(event, field) for key, field in VALUES.items()}
    pairs |= _source(event.get("source"))
    for key, (label, field) in CUSTOM.items():
        value = lookup(event, field)
        pairs |= {f"{key}Label": label, key: value} if value else {}
    pairs |= {"cn1Label": "cursor", "cn1": event["cursor"]}
    if event.get("details"):
        pairs["msg"] = json.dumps(event["details"], ensure_ascii=False, sort_keys=True)
    return pairs


def _source(source: Any) -> dict[str, str]:
    """Return the address under the CEF key for its kind."""
    if not source:
        return {}
    try:
        address = ip_address(source)
    except ValueError:
        return {"shost": source}
    if isinstance(address, IPv4Address):
        return {"src": source}
    return {"c6a2Label": "Source IPv6 Address", "c6a2": source}


def _name(event: Item) -> str:
    resource = lookup(event, "resource.name") or lookup(event, "resource.kind")
    return f"{event['action']} {resource} {event['outcome']}"


def _severity(event: Item) -> int:
    if str(event["action"]).startswith("kill:"):
        return _KILL_SEVERITY
    return _SEVERITY.get(str(event["outcome"]), _LOW)


def epoch(at: str) -> int:
    """Return a time of the admin API in milliseconds since 1970."""
    moment = datetime.fromisoformat(at)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _in_header(text: str) -> str:
    return _escape(text).replace("|", "\\|")


def _in_value(text: str) -> str:
    lines = [_escape(line).replace("=", "\\=") for line in text.split("\n")]
    return "\\n".join(lines)


def _escape(text: str) -> str:
    # Backslashes are doubled, so that the escape of a character is not read as an escape of CEF.
    return "".join(
        char if char.isprintable() and char != "\\" else printable(char).replace("\\", "\\\\")
        for char in text
    )


LAYOUT = _Cef()
