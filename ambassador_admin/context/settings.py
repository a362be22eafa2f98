"""Resolves each setting from its option, else its environment variable, else the context, else its default."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from ambassador_admin.api.address import DEFAULT_SERVER, normalise_url
from ambassador_admin.context.store import Context, ContextStore
from ambassador_admin.errors import SettingsError
from ambassador_admin.output import Format
from ambassador_client.account.client_certificate import CERT_VARIABLE, CertificatePlace

URL_VARIABLE = "MCP_AMBASSADOR_ADMIN_URL"
KEY_VARIABLE = "MCP_AMBASSADOR_ADMIN_KEY"
CA_VARIABLE = "MCP_AMBASSADOR_CA_FILE"
CONTEXT_VARIABLE = "MCP_AMBASSADOR_CONTEXT"
OUTPUT_VARIABLE = "MCP_AMBASSADOR_OUTPUT"

T = TypeVar("T")


class SourceKind(StrEnum):
    """The kinds of sources of a setting, in order of precedence."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    CONTEXT = "context"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SettingSource:
    """The source of a setting: `name` is that of the option, the variable or the context, None for a default."""

    kind: SourceKind = SourceKind.DEFAULT
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    """The options of every command; None and False mean that an option was not given."""

    server: str | None = None
    ca: Path | None = None
    context: str | None = None
    output: Format | None = None
    fields: str | None = None
    jq: str | None = None
    no_headers: bool = False
    quiet: bool = False
    no_color: bool = False
    dry_run: bool = False
    yes: bool = False

    def merged_over(self, earlier: "GlobalOptions") -> "GlobalOptions":
        """Return these options; an option that is not given here is taken from `earlier`."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            earlier, **{name: value for name, value in given.items() if value not in (None, False)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The server, its CA file and the admin key of one invocation.

    The key is `key_reference` from the environment, else that of `context`. `certificate` is that of the context, None
    if it has none or a variable names one. `context` is None when the server is not the context's, so that a key is
    never sent to another server than its own. `sources` has the source of server, context, ca_file, key and
    certificate.
    """

    server: str
    ca_file: Path | None
    context: Context | None
    key_reference: str | None
    certificate: CertificatePlace | None
    sources: Mapping[str, SettingSource]


def resolve_settings(options: GlobalOptions, environ: Mapping[str, str], contexts: ContextStore) -> Settings:
    """Resolve the settings; with `--context`, environment variables are ignored."""
    if options.context is not None:
        environ = {}
    context, context_source = _context(options, environ, contexts)
    stored_source = SettingSource() if context is None else SettingSource(SourceKind.CONTEXT, context.name)
    chosen, server_source = _first_set(
        (options.server, SettingSource(SourceKind.FLAG, "--server")),
        _variable(environ, URL_VARIABLE),
        (context.server if context else None, stored_source),
    )
    server = normalise_url(chosen) if chosen else DEFAULT_SERVER
    if context is not None and normalise_url(context.server) != server:
        context, context_source, stored_source = None, SettingSource(), SettingSource()
    ca_file, ca_source = _first_set(
        (str(options.ca) if options.ca else None, SettingSource(SourceKind.FLAG, "--ca")),
        _variable(environ, CA_VARIABLE),
        (context.ca_file if context else None, stored_source),
    )
    cert_file, cert_source = _first_set(
        _variable(environ, CERT_VARIABLE), (context.cert_file if context else None, stored_source)
    )
    key_reference, key_source = _variable(environ, KEY_VARIABLE)
    return Settings(
        server=server,
        ca_file=Path(ca_file).expanduser() if ca_file else None,
        context=context,
        key_reference=key_reference,
        certificate=context.certificate if context and cert_source == stored_source else None,
        sources={
            "server": server_source,
            "context": context_source,
            "ca_file": ca_source,
            "key": key_source if key_reference else stored_source,
            "certificate": cert_source if cert_file else SettingSource(),
        },
    )


def resolve_format(options: GlobalOptions, environ: Mapping[str, str]) -> tuple[Format | None, SettingSource]:
    """Return the output format that was asked for, or None, and its source; raises SettingsError."""
    chosen, source = _first_set(
        (options.output, SettingSource(SourceKind.FLAG, "--output")), _variable(environ, OUTPUT_VARIABLE)
    )
    try:
        return Format(chosen) if chosen else None, source
    except ValueError:
        raise SettingsError(
            f"{OUTPUT_VARIABLE} is {chosen!r}, which is not an output format.",
            hint=f"one of {', '.join(Format)}",
        ) from None


def resolve_colour(options: GlobalOptions, environ: Mapping[str, str]) -> tuple[bool, SettingSource]:
    """Tell whether --no-color, NO_COLOR and TERM allow colours on a terminal; return also the source."""
    refused, source = _first_set(
        (options.no_color, SettingSource(SourceKind.FLAG, "--no-color")),
        _variable(environ, "NO_COLOR"),
        (environ.get("TERM") == "dumb", SettingSource(SourceKind.ENVIRONMENT, "TERM")),
    )
    return not refused, source


def _context(
    options: GlobalOptions, environ: Mapping[str, str], contexts: ContextStore
) -> tuple[Context | None, SettingSource]:
    name, source = _first_set(
        (options.context, SettingSource(SourceKind.FLAG, "--context")),
        _variable(environ, CONTEXT_VARIABLE),
        (contexts.current(), SettingSource(SourceKind.CONTEXT)),
    )
    return contexts.get(name) if name else None, source


def _variable(environ: Mapping[str, str], name: str) -> tuple[str | None, SettingSource]:
    return environ.get(name) or None, SettingSource(SourceKind.ENVIRONMENT, name)


def _first_set(*candidates: tuple[T | None, SettingSource]) -> tuple[T | None, SettingSource]:
    """Return the first candidate that is set, with its source."""
    return next((each for each in candidates if each[0]), (None, SettingSource()))
