"""The command `status`: shows the server, the login and a summary."""

from typing import Any

import typer

from ambassador_admin.api import audit, mcps, server, switches, users
from ambassador_admin.api.request import Request
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.hourly_chart import draw_hours
from ambassador_admin.cli.parsing import parse_time
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, relative_time
from ambassador_protocol import __version__

STATUS = View(
    "servers",
    (
        Column("SERVER", "server"),
        Column("STATUS", "status", status=True),
        Column("SERVER VERSION", "server_version"),
        Column("ADMIN VERSION", "version"),
        Column("CONTEXT", "context"),
        Column("YOU", "name"),
        Column("ROLES", "roles"),
        Column("KEY EXPIRES", "expires_at", relative_time),
        Column("USERS", "users"),
        Column("MCPS", "mcps"),
        Column("DEGRADED", "degraded"),
        Column("KILL SWITCHES", "kill_switches"),
    ),
    (
        "server",
        "status",
        "server_version",
        "version",
        "context",
        "name",
        "roles",
        "expires_at",
        "users",
        "mcps",
        "degraded",
        "kill_switches",
    ),
)


_HOURS = 24


def register(app: typer.Typer) -> None:
    """Register `status`, which has no noun."""
    verb(app, "status", watch=True)(status)


def status(admin: Invocation) -> None:
    """Show whether the server is ready, your name and roles, and the numbers of users, MCPs and kill switches.

    Example: ambassador-admin status
    """
    _, ready = admin.api.probe(server.ready())
    who = admin.api.fetch(server.whoami())
    context = admin.settings.context
    found = list(admin.api.items(mcps.list_all()))
    admin.output.record(
        STATUS,
        {
            "server": admin.settings.server,
            "status": ready.get("status"),
            "server_version": who.get("server_version"),
            "version": __version__,
            "context": None if context is None else context.name,
            "name": who.get("name"),
            "roles": who.get("roles"),
            "expires_at": who.get("expires_at"),
            "users": _total(admin, users.list_all()),
            "mcps": len(found),
            "degraded": [mcp.get("name") for mcp in found if mcp.get("state") == "degraded"],
            "kill_switches": _total(admin, switches.in_force()),
        },
    )
    # Without the right to read the audit, the attempt alone would be recorded as a refusal.
    if admin.output.chart_width is not None and "auditor" in who.get("roles", ()):
        _draw_calls(admin)


def _draw_calls(admin: Invocation) -> None:
    """Draw the calls of the last day."""
    since = parse_time("24h", admin.environment.now(), "--since")
    calls = audit.statistics({"q": "action~call:*", "since": since}, "hour", _HOURS)
    draw_hours(admin.output, admin.api.fetch(calls), "CALLS")


def _total(admin: Invocation, listing: Request) -> Any:
    counted = Request(method=listing.method, path=listing.path, query={**listing.query, "limit": "1"})
    return admin.api.fetch(counted).get("total")
