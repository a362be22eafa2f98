"""The command line for people: registers the commands and prints each error as one line."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from ambassador_client.cli import (
    accounts,
    catalog,
    connect,
    credentials,
    help_topics,
    hosts,
    login,
    prompts,
    requests,
    resources,
    tools,
    troubleshooting,
)
from ambassador_client.cli.command import HELP, command
from ambassador_client.cli.output import Format, show
from ambassador_client.cli.status import status
from ambassador_client.errors import ClientError, UsageError
from ambassador_protocol import __version__
from ambassador_protocol.mcp import LEGACY_VERSIONS, MODERN_VERSIONS

_PROGRAM = "ambassador-client"
_TAKE_SECRETS, _EXTRA_WORDS = ("credential set", "login"), "unexpected extra argument"
"""A word too many for these commands may be the secret, which is shown to nobody."""
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

_Output = Annotated[Format | None, typer.Option("--output", "-o", help="Output format.")]


def run(arguments: Sequence[str], proxy: Callable[[Sequence[str]], int]) -> int:
    """Run one command and return its exit code; `proxy` implements the command `proxy`."""
    try:
        _check_text(arguments)
        code = _app(proxy)(args=list(arguments or ["--help"]), prog_name=_PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        words = _PROGRAM if context is None else context.command_path
        if words.endswith(_TAKE_SECRETS) and _EXTRA_WORDS in error.format_message():
            from ambassador_client.cli.secret_input import literal_refused  # for this error alone

            return _fail(literal_refused())
        # What ends with a question has suggested a word already; UsageError adds the full stop.
        cause, _, guess = error.format_message().rstrip(".").partition(". Did you mean ")
        next_step = f"Did you mean {guess} Run: {words} --help" if guess else f"Run: {words} --help"
        return _fail(UsageError(cause, next_step))
    except ClientError as error:
        return _fail(error)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        return _reader_closed()
    except SystemExit as ended:
        if isinstance(
            ended.__context__, BrokenPipeError
        ):  # typer turns a closed pipe into an exit with a failure
            return _reader_closed()
        raise
    return code if isinstance(code, int) else 0


def _app(proxy: Callable[[Sequence[str]], int]) -> typer.Typer:
    app = typer.Typer(
        help="Makes the MCP tools that your organisation publishes for you available in your AI application.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=HELP,
        rich_markup_mode=None,
    )

    @app.callback()
    def _options(
        version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
    ) -> None:
        if version:
            sys.stdout.write(f"ambassador-client {__version__}\n")
            raise typer.Exit

    @app.command("proxy", context_settings=_PASS_ON, add_help_option=False)
    def _proxy(ctx: typer.Context) -> int:
        """Relay between an AI application and the server. AI applications start this command.

        Example: ambassador-client proxy --host-tool claude-code
        """
        return proxy(ctx.args)

    command(app, "status", status)
    for module in (
        login,
        accounts,
        tools,
        resources,
        prompts,
        catalog,
        credentials,
        connect,
        requests,
        troubleshooting,
        help_topics,
    ):
        module.register(app)
    app.command("version", context_settings=HELP)(version)
    hosts.register(app, HELP)
    return app


def version(output: _Output = None) -> int:
    """Print the version of the client and the protocol versions it supports.

    Example: ambassador-client version
    """
    protocols = [*LEGACY_VERSIONS, *MODERN_VERSIONS]
    show({"client": __version__, "protocols": protocols, "python": sys.version.split()[0]}, output)
    return 0


def _check_text(arguments: Sequence[str]) -> None:
    for each in arguments:
        try:
            each.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{each[:60]!r} on the command line is not UTF-8 text", "Give it by a file, as KEY=@FILE."
            ) from None


def _fail(error: ClientError) -> int:
    sys.stderr.write(f"{error}\n")
    return error.exit_code


def _reader_closed() -> int:
    # The reader has closed the output; without this the final flush of the interpreter fails.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
