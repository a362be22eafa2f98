"""Requests to `/v1/admin/kill-switches`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.switches import NewSwitch
from ambassador_protocol.paths import SWITCHES

_LISTS = {
    "user": "ambassador-admin user list",
    "group": "ambassador-admin group list",
    "key": "ambassador-admin key list",
    "session": "ambassador-admin session list",
    "mcp": "ambassador-admin mcp list",
    "tool": "ambassador-admin mcp list, then ambassador-admin mcp tools NAME",
    "tool_class": "read-only, write or destructive",
}


def list_all(*, lifted: bool) -> Request:
    """List the kill switches in force and the drills; with `lifted`, also those that were lifted or have expired."""
    return get(SWITCHES, query={"all": "true" if lifted else None})


def in_force() -> Request:
    """List the kill switches that stop something now: no drills."""
    return get(SWITCHES, query={"filter": "active=true"})


def activate(switch: NewSwitch) -> Request:
    """Activate a kill switch."""
    return Request(
        method="POST",
        path=SWITCHES,
        body=body_of(switch),
        missing_hint=_LISTS.get(switch.scope),
        conflict_hint="ambassador-admin kill list",
    )


def show(switch_id: str) -> Request:
    """Show one kill switch and its impact."""
    return get(subpath(SWITCHES, switch_id), missing_hint="ambassador-admin kill list --all")


def lift(switch_id: str) -> Request:
    """Lift a kill switch."""
    listing = "ambassador-admin kill list --all"
    return Request(
        method="POST", path=subpath(SWITCHES, switch_id, "lift"), missing_hint=listing, conflict_hint=listing
    )
