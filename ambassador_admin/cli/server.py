"""The `server` commands and `version`."""

import platform
from datetime import datetime
from typing import Any

import typer

from ambassador_admin.api import server
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.config import SETTING
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, UnreachableError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, Item, plain
from ambassador_protocol import __version__
from ambassador_protocol.problems import ProblemCode


def _sinks(value: Any, now: datetime) -> str:
    if not isinstance(value, list):
        return plain(value, now)
    return plain("; ".join(_sink(each) for each in value if isinstance(each, dict)), now)


def _sink(sink: Item) -> str:
    behind = sink.get("behind")
    words = f"{sink.get('name')}: {'?' if behind is None else behind} behind"
    if sink.get("dead_letters"):
        words += f", {sink['dead_letters']} refused"
    if sink.get("anomaly"):
        words += f", {sink['anomaly']}"
    return f"{words}, failing: {sink.get('last_error')}" if sink.get("failures") else words


def _index(value: Any, now: datetime) -> str:
    if not isinstance(value, dict):
        return plain(value, now)
    words = f"{value.get('behind_records')} behind"
    if value.get("behind_records"):
        words += f" for {value.get('behind_seconds')} s"
    if value.get("runner") == "server":
        words += ", copied by the server itself"
    return plain(f"{words}, failing: {value['failure']}" if value.get("failure") else words, now)


def _sandboxes(value: Any, now: datetime) -> str:
    if not isinstance(value, list):
        return plain(value, now)
    return plain("; ".join(_sandbox(each) for each in value if isinstance(each, dict)), now)


def _sandbox(sandbox: Item) -> str:
    if not sandbox.get("available"):
        return f"no {sandbox.get('kind')}: {sandbox.get('detail')}"
    words = f"{sandbox.get('kind')}: {sandbox.get('detail')}"
    return f"{words} (default)" if sandbox.get("is_default") else words


def _waiting_tools(value: Any, now: datetime) -> str:
    if not isinstance(value, dict):
        return plain(value, now)
    return plain("; ".join(f"{name}: {count}" for name, count in value.items()) or "none", now)


def _connections(value: Any, now: datetime) -> str:
    if not isinstance(value, dict):
        return plain(value, now)
    words = [
        f"{api}: {counts.get('refused')} refused, {counts.get('cut_off')} cut off"
        for api, counts in value.items()
        if isinstance(counts, dict)
    ]
    return plain("; ".join(words), now)


HEALTH = View(
    "servers",
    (
        Column("SERVER", "server"),
        Column("STATUS", "status", status=True),
        Column("CHECKS", "checks"),
        Column("AUDIT SINKS", "sinks", _sinks, whole=True),
        Column("AUDIT INDEX", "audit_index", _index, whole=True),
        Column("CONNECTIONS", "connections", _connections, whole=True),
        Column("SANDBOXES", "sandboxes", _sandboxes, whole=True),
        Column("WAITING TOOLS", "waiting_tools", _waiting_tools, whole=True),
    ),
    ("server", "status", "checks", "sinks", "audit_index", "connections", "sandboxes", "waiting_tools"),
)
SERVER_VERSION = View(
    "versions", (Column("SERVER", "server"), Column("VERSION", "version")), ("server", "version")
)
VERSION = View("versions", (Column("VERSION", "version"), Column("PYTHON", "python")), ("version", "python"))

app = noun("The server itself.")


def register(root: typer.Typer) -> None:
    """Register `version`, which has no noun."""
    verb(root, "version")(version)


@verb(app, "health")
def health(admin: Invocation) -> None:
    """Show whether the server can serve calls; exit code 7 if it cannot.

    It also shows how many connections each API has refused or cut off since the start.

    This needs no key. With a key, every audit sink is shown, too: how many records it is behind, and its last error;
    how many records the index of the audit is behind, and what hinders it; and every sandbox for MCPs over stdio: what
    it holds back on the server's machine, or why it is not available; and how many tools of which MCP wait for an
    approval.

    Example: ambassador-admin server health --server https://localhost:9443
    """
    well, found = admin.api.probe(server.ready())
    admin.output.record(HEALTH, {"server": admin.settings.server, **found, **_details(admin)})
    if not well:
        raise UnreachableError(
            f"{admin.settings.server} is not ready to serve.",
            code=ProblemCode.NOT_READY,
            hint="the server's log names the failing condition",
        )


def _details(admin: Invocation) -> dict[str, Any]:
    """Return what only administrators see besides the checks; without a key nothing, which is no error."""
    try:
        health = admin.api.fetch(server.health())
        names = ("sinks", "audit_index", "connections", "sandboxes", "waiting_tools")
        return {name: health[name] for name in names}
    except (AdminError, KeyError):
        return {}


@verb(app, "version")
def server_version(admin: Invocation) -> None:
    """Show the version of the server.

    Example: ambassador-admin server version -o json
    """
    found = admin.api.fetch(server.whoami())
    admin.output.record(SERVER_VERSION, {"server": admin.settings.server, "version": found["server_version"]})


@verb(app, "config")
def server_config(admin: Invocation) -> None:
    """Show the settings of the running server with their sources: default, file, environment or flag.

    Secrets are never shown.

    Example: ambassador-admin server config -o json
    """
    admin.output.rows(SETTING, admin.api.fetch(server.configuration())["settings"])


def version(admin: Invocation) -> None:
    """Show the version of this program.

    Example: ambassador-admin version -o json
    """
    admin.output.record(VERSION, {"version": __version__, "python": platform.python_version()})
