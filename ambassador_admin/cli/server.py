"""`server` and `version`: what runs there, and what runs here."""

import platform

import typer

from ambassador_admin.api import server
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.config import SETTING
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import UnreachableError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column
from ambassador_protocol import __version__
from ambassador_protocol.problems import ProblemCode

HEALTH = View(
    "servers",
    (Column("SERVER", "server"), Column("STATUS", "status", status=True), Column("CHECKS", "checks")),
    ("server", "status", "checks"),
)
SERVER_VERSION = View(
    "versions", (Column("SERVER", "server"), Column("VERSION", "version")), ("server", "version")
)
VERSION = View("versions", (Column("VERSION", "version"), Column("PYTHON", "python")), ("version", "python"))

app = noun("The server itself.")


def register(root: typer.Typer) -> None:
    """Add the verb that has no noun."""
    verb(root, "version")(version)


@verb(app, "health")
def health(admin: AdminContext) -> None:
    """Ask whether the server can serve calls; needs no key. Exit code 7 says it cannot.

    Example: ambassador-admin server health --server https://localhost:9443
    """
    well, found = admin.api.probe(server.ready())
    admin.output.record(HEALTH, {"server": admin.settings.server, **found})
    if not well:
        raise UnreachableError(
            f"{admin.settings.server} is not ready to serve.",
            code=ProblemCode.NOT_READY,
            hint="the server's log says what is missing",
        )


@verb(app, "version")
def server_version(admin: AdminContext) -> None:
    """Show the version of the server.

    Example: ambassador-admin server version -o json
    """
    found = admin.api.fetch(server.whoami())
    admin.output.record(SERVER_VERSION, {"server": admin.settings.server, "version": found["server_version"]})


@verb(app, "config")
def server_config(admin: AdminContext) -> None:
    """Show the settings the running server goes by, and where each comes from: default, file, environment or flag.

    Secrets are never shown.

    Example: ambassador-admin server config -o json
    """
    admin.output.rows(SETTING, admin.api.fetch(server.configuration())["settings"])


def version(admin: AdminContext) -> None:
    """Show the version of this program.

    Example: ambassador-admin version -o json
    """
    admin.output.record(VERSION, {"version": __version__, "python": platform.python_version()})
