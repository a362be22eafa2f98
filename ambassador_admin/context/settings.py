"""What holds for this run: each setting from its option, else its environment variable, else the context."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from ambassador_admin.api.address import DEFAULT_SERVER, normalise_url
from ambassador_admin.context.store import Context, ContextStore
from ambassador_admin.errors import SettingsError
from ambassador_admin.output import Format

URL_VARIABLE = "MCP_AMBASSADOR_ADMIN_URL"
KEY_VARIABLE = "MCP_AMBASSADOR_ADMIN_KEY"
CA_VARIABLE = "MCP_AMBASSADOR_CA_FILE"
CONTEXT_VARIABLE = "MCP_AMBASSADOR_CONTEXT"
OUTPUT_VARIABLE = "MCP_AMBASSADOR_OUTPUT"

T = TypeVar("T")


class SourceKind(StrEnum):
    """Where a setting can come from; each goes before those below it."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    CONTEXT = "context"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SettingSource:
    """Where a setting comes from: `place` is the option, the variable or the context; a default has none."""

    kind: SourceKind = SourceKind.DEFAULT
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    """The options every command takes; None and False mean that the user did not say."""

    server: str | None = None
    ca: Path | None = None
    context: str | None = None
    output: Format | None = None
    fields: str | None = None
    no_color: bool = False
    dry_run: bool = False
    yes: bool = False

    def merged_over(self, earlier: "GlobalOptions") -> "GlobalOptions":
        """Return these options, with those that were said earlier where these say nothing."""
        names = [field.name for field in fields(self)]
        return GlobalOptions(**{name: getattr(self, name) or getattr(earlier, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which server, what proves it, and whose key: `key_reference` from the environment, or the key of `context`.

    `context` is None when the server is another than the context's: a key never travels to a server it was not
    given for. `sources` says of server, context, ca_file and key where each comes from.
    """

    server: str
    ca_file: Path | None
    context: Context | None
    key_reference: str | None
    sources: Mapping[str, SettingSource]


def resolve_settings(options: GlobalOptions, environ: Mapping[str, str], contexts: ContextStore) -> Settings:
    """Work out the settings; a context named on the command line goes before the environment as a whole."""
    if options.context is not None:
        environ = {}
    context, named_by = _context(options, environ, contexts)
    kept_by = SettingSource() if context is None else SettingSource(SourceKind.CONTEXT, context.name)
    asked, server_by = _first_set(
        (options.server, SettingSource(SourceKind.FLAG, "--server")),
        _variable(environ, URL_VARIABLE),
        (context.server if context else None, kept_by),
    )
    server = normalise_url(asked) if asked else DEFAULT_SERVER
    if context is not None and normalise_url(context.server) != server:
        context, named_by, kept_by = None, SettingSource(), SettingSource()
    ca_file, ca_by = _first_set(
        (str(options.ca) if options.ca else None, SettingSource(SourceKind.FLAG, "--ca")),
        _variable(environ, CA_VARIABLE),
        (context.ca_file if context else None, kept_by),
    )
    key_reference, key_by = _variable(environ, KEY_VARIABLE)
    return Settings(
        server=server,
        ca_file=Path(ca_file).expanduser() if ca_file else None,
        context=context,
        key_reference=key_reference,
        sources={
            "server": server_by,
            "context": named_by,
            "ca_file": ca_by,
            "key": key_by if key_reference else kept_by,
        },
    )


def resolve_format(options: GlobalOptions, environ: Mapping[str, str]) -> tuple[Format | None, SettingSource]:
    """Return the format the user asked for, if they did."""
    asked, source = _first_set(
        (options.output, SettingSource(SourceKind.FLAG, "--output")), _variable(environ, OUTPUT_VARIABLE)
    )
    try:
        return Format(asked) if asked else None, source
    except ValueError:
        raise SettingsError(
            f"{OUTPUT_VARIABLE} is {asked!r}, which is no format.", hint=f"one of {', '.join(Format)}"
        ) from None


def resolve_colour(options: GlobalOptions, environ: Mapping[str, str]) -> tuple[bool, SettingSource]:
    """Tell whether styles are welcome on a terminal, as --no-color, NO_COLOR and TERM say."""
    refused, source = _first_set(
        (options.no_color, SettingSource(SourceKind.FLAG, "--no-color")),
        _variable(environ, "NO_COLOR"),
        (environ.get("TERM") == "dumb", SettingSource(SourceKind.ENVIRONMENT, "TERM")),
    )
    return not refused, source


def _context(
    options: GlobalOptions, environ: Mapping[str, str], contexts: ContextStore
) -> tuple[Context | None, SettingSource]:
    named, source = _first_set(
        (options.context, SettingSource(SourceKind.FLAG, "--context")),
        _variable(environ, CONTEXT_VARIABLE),
        (contexts.current(), SettingSource(SourceKind.CONTEXT)),
    )
    return contexts.get(named) if named else None, source


def _variable(environ: Mapping[str, str], name: str) -> tuple[str | None, SettingSource]:
    return environ.get(name) or None, SettingSource(SourceKind.ENVIRONMENT, name)


def _first_set(*candidates: tuple[T | None, SettingSource]) -> tuple[T | None, SettingSource]:
    """Return the first that says something."""
    return next((each for each in candidates if each[0]), (None, SettingSource()))
