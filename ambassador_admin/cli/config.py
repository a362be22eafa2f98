"""The command `config view`, and the table of settings that `server config` also uses."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.settings import SettingSource, resolve_colour, resolve_format
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column, fields_of
from ambassador_protocol.admin.server import SettingView

_SETTING = (Column("NAME", "name", whole=True), Column("VALUE", "value"))
_PLAIN = View("settings", _SETTING, ("name", "value"))
SETTING = View(
    "settings",
    (*_SETTING, Column("ORIGIN", "origin"), Column("SOURCE", "source")),
    fields_of(SettingView),
)

app = noun("The settings of this program.")


@verb(app, "view")
def view(
    admin: Invocation,
    show_origin: Annotated[
        bool,
        typer.Option(
            "--show-origin", help="Also show the source of each: flag, environment, context or default."
        ),
    ] = False,
) -> None:
    """Show the settings of this program: server, context, CA file, source of the key, and output; never the key itself.

    Example: ambassador-admin config view --show-origin
    """
    rows = [
        {"name": name, "value": value}
        | ({"origin": source.kind, "source": source.name} if show_origin else {})
        for name, value, source in _settings(admin)
    ]
    admin.output.rows(SETTING if show_origin else _PLAIN, rows)


def _settings(admin: Invocation) -> Iterator[tuple[str, Any, SettingSource]]:
    settings, environ = admin.settings, admin.environment.variables
    sources = settings.sources
    format, format_from = resolve_format(admin.options, environ)
    colour, colour_from = resolve_colour(admin.options, environ)
    yield "server", settings.server, sources["server"]
    yield "context", settings.context and settings.context.name, sources["context"]
    yield "ca_file", settings.ca_file and str(settings.ca_file), sources["ca_file"]
    yield "key", admin.describe_key_source(), sources["key"]
    yield "certificate", admin.describe_certificate(), sources["certificate"]
    yield "output", format or Format.TABLE, format_from
    yield "colour", "on a terminal" if colour else "never", colour_from
