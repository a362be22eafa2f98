"""What holds for this run: each setting from its option, else its environment variable, else the context."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from ambassador_admin.api.address import DEFAULT_SERVER, normalise_url
from ambassador_admin.context.contexts import Context, ContextBook
from ambassador_admin.errors import SettingsError
from ambassador_admin.output import Format

URL_VARIABLE = "MCP_AMBASSADOR_ADMIN_URL"
KEY_VARIABLE = "MCP_AMBASSADOR_ADMIN_KEY"
CA_VARIABLE = "MCP_AMBASSADOR_CA_FILE"
CONTEXT_VARIABLE = "MCP_AMBASSADOR_CONTEXT"
OUTPUT_VARIABLE = "MCP_AMBASSADOR_OUTPUT"


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

    def over(self, earlier: "GlobalOptions") -> "GlobalOptions":
        """Return these options, with those that were said earlier where these say nothing."""
        names = [field.name for field in fields(self)]
        return GlobalOptions(**{name: getattr(self, name) or getattr(earlier, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which server, what proves it, and whose key: `key_reference` from the environment, or the key of `context`.

    `context` is None when the server is another than the context's: a key never travels to a server it was not
    given for.
    """

    server: str
    ca_file: Path | None
    context: Context | None
    key_reference: str | None


def resolve_settings(options: GlobalOptions, environ: Mapping[str, str], book: ContextBook) -> Settings:
    """Work out the settings; a context named on the command line goes before the environment as a whole."""
    if options.context is not None:
        environ = {}
    context = _context(options, environ, book)
    asked = options.server or environ.get(URL_VARIABLE)
    server = normalise_url(asked) if asked else context.server if context is not None else DEFAULT_SERVER
    if context is not None and context.server != server:
        context = None
    ca_file = options.ca or _path(environ.get(CA_VARIABLE)) or _path(context.ca_file if context else None)
    return Settings(
        server=server, ca_file=ca_file, context=context, key_reference=environ.get(KEY_VARIABLE) or None
    )


def chosen_format(options: GlobalOptions, environ: Mapping[str, str]) -> Format | None:
    """Return the format the user asked for, if they did."""
    if options.output is not None or not environ.get(OUTPUT_VARIABLE):
        return options.output
    try:
        return Format(environ[OUTPUT_VARIABLE])
    except ValueError:
        raise SettingsError(
            f"{OUTPUT_VARIABLE} is {environ[OUTPUT_VARIABLE]!r}, which is no format.",
            hint=f"one of {', '.join(Format)}",
        ) from None


def _context(options: GlobalOptions, environ: Mapping[str, str], book: ContextBook) -> Context | None:
    named = options.context or environ.get(CONTEXT_VARIABLE)
    if named:
        return book.get(named)
    current = book.current()
    return None if current is None else book.get(current)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
