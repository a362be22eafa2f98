"""The server's command line: registers the commands and turns errors into exit codes."""

import os
import sys
from typing import Annotated

import typer

from ambassador_protocol import __version__
from ambassador_protocol.problems import ProblemCode
from ambassador_server.cli import audit, check, init, migrate, quickstart, serve, vault
from ambassador_server.errors import (
    AmbassadorError,
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    entry_for,
)
from ambassador_server.wording.advice import hint_text

_NAME = "ambassador-server"

app = typer.Typer(
    name=_NAME,
    help="The server of MCP Ambassador, which gives users governed access to an organisation's MCP tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="quickstart")(quickstart.quickstart)
app.command(name="init")(init.init)
app.command(name="serve")(serve.serve)
app.command(name="migrate")(migrate.migrate)
app.command(name="check")(check.check)
app.add_typer(audit.app, name="audit")
app.add_typer(vault.app, name="vault")

_INTERRUPTED = 130
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
        code = app(standalone_mode=False)
    except AmbassadorError as error:
        _report(_code(error), error.message, hint_text(error))
        raise SystemExit(entry_for(error, _EXIT_CODES) or 1) from None
    except typer.TyperException as error:
        # A command without its words has shown its help instead of a message.
        if error.format_message():
            context = getattr(error, "ctx", None)
            _report(
                ProblemCode.BAD_REQUEST,
                error.format_message(),
                f"{_NAME if context is None else context.command_path} --help",
            )
        raise SystemExit(2) from None
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    # A defect of the program is reported in one line, too; the level debug shows where it is.
    except Exception as error:
        if os.environ.get("MCP_AMBASSADOR_LOG_LEVEL") == "debug":
            raise
        _report(ProblemCode.INTERNAL, f"This is a defect of {_NAME}: {error!r}.", None)
        raise SystemExit(1) from None
    if code == _INTERRUPTED:
        sys.stderr.write("Interrupted. Run the command again: it completes what is missing.\n")
    raise SystemExit(code if isinstance(code, int) else 0)


def _code(error: AmbassadorError) -> ProblemCode:
    # Not above: the table is one of the web applications, which few commands need.
    from ambassador_server.web.middleware.errors import problem_code

    return ProblemCode.INVALID_SETTINGS if isinstance(error, ConfigurationError) else problem_code(error)


def _report(code: ProblemCode, message: str, hint: str | None) -> None:
    sys.stderr.write(f"error: {code} {message}\n" + (f"hint: {hint}\n" if hint is not None else ""))
