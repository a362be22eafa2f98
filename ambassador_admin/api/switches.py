"""What `/v1/admin/kill-switches` takes."""

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
    """List the kill switches, those lifted or run out only on demand."""
    return get(SWITCHES, query={"all": "true" if lifted else None})


def activate(switch: NewSwitch) -> Request:
    """Stop what the switch names."""
    return Request(
        method="POST",
        path=SWITCHES,
        body=body_of(switch),
        missing_hint=_LISTS.get(switch.scope),
        conflict_hint="ambassador-admin kill list",
    )


def show(switch_id: str) -> Request:
    """Ask for one kill switch and its impact."""
    return get(subpath(SWITCHES, switch_id), missing_hint="ambassador-admin kill list --all")


def lift(switch_id: str) -> Request:
    """End a stop."""
    listing = "ambassador-admin kill list --all"
    return Request(
        method="POST", path=subpath(SWITCHES, switch_id, "lift"), missing_hint=listing, conflict_hint=listing
    )
