"""The server's command line: registers the commands and turns errors into exit codes."""

import sys
from typing import Annotated

import typer

from ambassador_protocol import __version__
from ambassador_server.cli import audit, check, init, migrate, serve
from ambassador_server.errors import AmbassadorError, ConfigurationError, ConflictError, InvalidInputError
from ambassador_server.wording.advice import hint_text

app = typer.Typer(
    name="ambassador-server",
    help="The server of MCP Ambassador, which gives users governed access to an organisation's MCP tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="init")(init.init)
app.command(name="serve")(serve.serve)
app.command(name="migrate")(migrate.migrate)
app.command(name="check")(check.check)
app.add_typer(audit.app, name="audit")

_EXIT_CODES: dict[type[AmbassadorError], int] = {
    ConfigurationError: 2,
    ConflictError: 6,
    InvalidInputError: 2,
}


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool,
        typer.Option("--version", "-V", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Declare the options before a command."""


@app.command()
def version() -> None:
    """Print the version.

    Example: ambassador-server version
    """
    typer.echo(f"ambassador-server {__version__}")


def run() -> None:
    """Run the command line; an error is printed as one line, with a second line for its hint."""
    try:
        app()
    except AmbassadorError as error:
        sys.stderr.write(f"error: {error.message}\n")
        hint = hint_text(error)
        if hint is not None:
            sys.stderr.write(f"hint: {hint}\n")
        raise SystemExit(_EXIT_CODES.get(type(error), 1)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
