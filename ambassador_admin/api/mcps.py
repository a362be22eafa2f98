"""Requests to `/v1/admin/mcps`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ambassador_admin.api.request import Request, body_of, get, quoted, subpath
from ambassador_protocol.admin.mcps import DefinitionApproval, McpPut, NewMcp
from ambassador_protocol.paths import MCPS

MISSING = "ambassador-admin mcp list"
_UNTESTED = "nothing was changed; --no-test stores it without testing the connection"


def list_all() -> Request:
    """List the catalog entries."""
    return get(MCPS)


def show(name: str) -> Request:
    """Show one entry."""
    return get(subpath(MCPS, name), missing_hint=MISSING)


def add(mcp: NewMcp) -> Request:
    """Add a draft entry."""
    return Request(
        method="POST",
        path=MCPS,
        body=body_of(mcp),
        conflict_hint=f"ambassador-admin mcp show {quoted(mcp.name)}",
    )


def update(name: str, changes: McpPut, *, test: bool) -> Request:
    """Change the attributes that are set; with `test`, new options of a published entry are tried first."""
    return Request(
        method="PATCH",
        path=subpath(MCPS, name),
        query={} if test else {"test": "false"},
        body=body_of(changes),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp show {quoted(name)}",
        unconnected_hint=_UNTESTED if test else None,
        connects=test,
    )


def set_credentials(name: str, needs: Mapping[str, Any], *, revision: str | None, test: bool) -> Request:
    """Replace what credentials an entry needs, if it still has this revision; see `update` for `test`."""
    return Request(
        method="PATCH",
        path=subpath(MCPS, name),
        query={} if test else {"test": "false"},
        body={"credentials": needs},
        revision=revision,
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin credential fields {quoted(name)}",
        unconnected_hint=_UNTESTED if test else None,
        connects=test,
    )


def set_transforms(name: str, transforms: Mapping[str, Any], *, revision: str | None) -> Request:
    """Replace what is changed of the tools of an entry, if it still has this revision."""
    return Request(
        method="PATCH",
        path=subpath(MCPS, name),
        body={"transforms": transforms},
        revision=revision,
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp transform {quoted(name)}",
    )


def with_one_time_values(request: Request, values: Mapping[str, str]) -> Request:
    """Return the request with values of credentials for its test of the connection, which are not shown."""
    if not values:
        return request
    body, hidden = request.body or {}, dict.fromkeys(values, "(not shown)")
    return replace(
        request,
        body={**body, "one_time_values": dict(values)},
        shown={**body, "one_time_values": hidden},
    )


def publish(name: str) -> Request:
    """Publish an entry, so that it serves calls."""
    return Request(
        method="POST",
        path=subpath(MCPS, name, "publish"),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp show {quoted(name)}",
        connects=True,
    )


def restart(name: str) -> Request:
    """Close and open the connections of an entry."""
    return Request(
        method="POST",
        path=subpath(MCPS, name, "restart"),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp publish {quoted(name)}",
    )


def logs(name: str, lines: int) -> Request:
    """Show the last lines that an entry's downstream wrote."""
    return get(subpath(MCPS, name, "logs"), query={"lines": str(lines)}, missing_hint=MISSING)


def tools(name: str) -> Request:
    """List the tools of an entry."""
    return get(subpath(MCPS, name, "tools"), missing_hint=MISSING)


def resources(name: str) -> Request:
    """List the resources and templates of resources of an entry."""
    return get(subpath(MCPS, name, "resources"), missing_hint=MISSING)


def prompts(name: str) -> Request:
    """List the prompts of an entry."""
    return get(subpath(MCPS, name, "prompts"), missing_hint=MISSING)


def definitions(name: str) -> Request:
    """List the tools of an entry that wait for an approval, with both definitions of each."""
    return get(subpath(MCPS, name, "definitions"), missing_hint=MISSING)


def approve(name: str, approval: DefinitionApproval) -> Request:
    """Approve definitions of an entry's tools."""
    return Request(
        method="POST",
        path=subpath(MCPS, name, "approve"),
        body=body_of(approval),
        missing_hint=f"ambassador-admin mcp tools {quoted(name)}",
        conflict_hint=f"ambassador-admin mcp show {quoted(name)}",
    )


def test(name: str) -> Request:
    """Connect to an entry and list its tools, without a change."""
    return Request(
        method="POST",
        path=subpath(MCPS, name, "test"),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp test {quoted(name)} --credential FIELD=env://NAME",
        connects=True,
    )


def archive(name: str) -> Request:
    """Archive an entry, so that it serves no calls."""
    return Request(
        method="POST",
        path=subpath(MCPS, name, "archive"),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp show {quoted(name)}",
    )


def remove(name: str) -> Request:
    """Delete an entry that is not published."""
    return Request(
        method="DELETE",
        path=subpath(MCPS, name),
        missing_hint=MISSING,
        conflict_hint=f"ambassador-admin mcp archive {quoted(name)}",
    )
