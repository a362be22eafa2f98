"""What `/v1/admin/mcps` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.mcps import McpPut, NewMcp
from ambassador_protocol.paths import MCPS

MISSING = "ambassador-admin mcp list"


def every() -> Request:
    """List the catalog."""
    return get(MCPS)


def one(name: str) -> Request:
    """Read one entry."""
    return get(below(MCPS, name), missing=MISSING)


def add(mcp: NewMcp) -> Request:
    """Add an entry, as a draft."""
    return Request(
        method="POST", path=MCPS, body=body_of(mcp), taken=f"ambassador-admin mcp show {shown(mcp.name)}"
    )


def update(name: str, facts: McpPut, *, test: bool) -> Request:
    """Change what the facts name; `test` connects to a published entry that is reached in another way first."""
    return Request(
        method="PATCH",
        path=below(MCPS, name),
        query={} if test else {"test": "false"},
        body=body_of(facts),
        missing=MISSING,
        taken=f"ambassador-admin mcp show {shown(name)}",
    )


def publish(name: str) -> Request:
    """Let an entry serve calls."""
    return Request(
        method="POST",
        path=below(MCPS, name, "publish"),
        missing=MISSING,
        taken=f"ambassador-admin mcp show {shown(name)}",
    )


def restart(name: str) -> Request:
    """Stop and start the connections of an entry."""
    return Request(
        method="POST",
        path=below(MCPS, name, "restart"),
        missing=MISSING,
        taken=f"ambassador-admin mcp publish {shown(name)}",
    )


def logs(name: str, lines: int) -> Request:
    """Read what an entry's downstream wrote lately."""
    return get(below(MCPS, name, "logs"), query={"lines": str(lines)}, missing=MISSING)


def tools(name: str) -> Request:
    """List the tools of an entry."""
    return get(below(MCPS, name, "tools"), missing=MISSING)


def test(name: str) -> Request:
    """Connect to an entry and list what it offers, changing nothing."""
    return Request(method="POST", path=below(MCPS, name, "test"), missing=MISSING)


def archive(name: str) -> Request:
    """Take an entry out of service."""
    return Request(
        method="POST",
        path=below(MCPS, name, "archive"),
        missing=MISSING,
        taken=f"ambassador-admin mcp show {shown(name)}",
    )


def remove(name: str) -> Request:
    """Delete an entry that is not published."""
    return Request(
        method="DELETE",
        path=below(MCPS, name),
        missing=MISSING,
        taken=f"ambassador-admin mcp archive {shown(name)}",
    )
