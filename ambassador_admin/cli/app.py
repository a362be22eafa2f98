"""Assembles all commands, and turns errors into messages and exit codes."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
from typer.completion import get_completion_inspect_parameters

from ambassador_admin.cli import (
    access,
    account,
    admin_keys,
    approvals,
    audit,
    audit_export,
    audit_fetch,
    audit_pruning,
    audit_tail,
    audit_verification,
    certificates,
    client_keys,
    config,
    contexts,
    credentials,
    declarative,
    enrolments,
    error_codes,
    given_credentials,
    grants,
    groups,
    help_topics,
    issuer_import,
    issuers,
    limits,
    mcp_broadcasts,
    mcp_offers,
    mcps,
    server,
    sessions,
    shell_files,
    status,
    subscriptions,
    switches,
    tool_definitions,
    tool_transforms,
    users,
)
from ambassador_admin.cli.aliases import without_help_verb
from ambassador_admin.cli.command import accept_options_before_noun, noun
from ambassador_admin.context.invocation import Environment
from ambassador_admin.errors import AdminError, ExitCode, NotConfirmedError, ReaderGoneError, UsageError
from ambassador_admin.output.text import mark_position, printable
from ambassador_client.errors import ClientError as AccountError
from ambassador_protocol.variables import misspelling, misspelt_variables

PROGRAM = "ambassador-admin"
_TAKE_SECRETS, _EXTRA_WORDS = ("login", "change-password"), "unexpected extra argument"
_COMPLETION = "_AMBASSADOR_ADMIN_COMPLETE"

app = noun("Administer MCP Ambassador: who may use which tools, and what happened.")
accept_options_before_noun(app)
account.register(app)
status.register(app)
app.add_typer(contexts.app, name="context")
app.add_typer(config.app, name="config")
app.add_typer(users.app, name="user")
app.add_typer(groups.app, name="group")
app.add_typer(mcps.app, name="mcp")
app.add_typer(credentials.app, name="credential")
app.add_typer(grants.app, name="grant")
app.add_typer(client_keys.app, name="key")
app.add_typer(enrolments.app, name="enrolment")
app.add_typer(admin_keys.app, name="admin-key")
app.add_typer(subscriptions.app, name="subscription")
app.add_typer(sessions.app, name="session")
issuer_import.register(issuers.app)
app.add_typer(issuers.app, name="issuer")
app.add_typer(certificates.app, name="certificate")
app.add_typer(limits.app, name="limit")
app.add_typer(approvals.app, name="approval")
app.add_typer(switches.app, name="kill")
app.add_typer(access.app, name="access")
audit_tail.register(audit.app)
tool_definitions.register(mcps.app)
tool_transforms.register(mcps.app)
mcp_offers.register(mcps.app)
mcp_broadcasts.register(mcps.app)
given_credentials.register(credentials.app)
audit_export.register(audit.app)
audit_verification.register(audit.app)
audit_fetch.register(audit.app)
audit_pruning.register(audit.app)
app.add_typer(audit.app, name="audit")
app.add_typer(server.app, name="server")
server.register(app)
declarative.register(app)
app.add_typer(error_codes.app, name="errors")
app.add_typer(shell_files.app, name="completion")
app.add_typer(help_topics.app, name="help")


def run(arguments: Sequence[str], environment: Environment | None = None) -> int:
    """Run one command line and return its exit code; every error is a message on stderr, never a traceback."""
    environment = environment or Environment.real()
    try:
        return _dispatch(arguments, environment)
    except ReaderGoneError:
        return ExitCode.OK
    except NotConfirmedError as error:
        environment.stderr.write(f"{error.message}\n")
        return error.exit_code
    except AdminError as error:
        return _report(environment, error)
    except AccountError as error:
        return _report(environment, _translated(error))
    except typer.TyperException as error:
        return _report(environment, _usage(error))
    except typer.Abort:
        return ExitCode.INTERRUPTED
    # A defect of the program is reported in one line, too.
    except Exception as error:
        return _report(environment, AdminError(f"This is a defect of {PROGRAM}: {error!r}."))
    finally:
        _discard_unread_output()


def _dispatch(arguments: Sequence[str], environment: Environment) -> int:
    _check_text(arguments)
    if _COMPLETION in environment.variables:
        get_completion_inspect_parameters()  # registers the shells; Typer does so only for its own options
    for name, near in misspelt_variables(environment.variables).items():
        environment.stderr.write(f"warning: {printable(misspelling(name, near))}\n")
    # Without arguments, show the help.
    words = list(arguments) or ["--help"]
    topics = frozenset(str(topic.name) for topic in help_topics.app.registered_commands)
    words = without_help_verb(words, topics)
    code = _command_tree().main(words, prog_name=PROGRAM, standalone_mode=False, obj=environment)
    return code if isinstance(code, int) else ExitCode.OK


@cache
def _command_tree() -> Any:
    return typer.main.get_command(app)


def _report(environment: Environment, error: AdminError) -> int:
    lines = [f"error: {error.code} {error.message}"]
    if error.position is not None:
        lines += mark_position(*error.position)
    if error.hint:
        lines.append(f"hint: {error.hint}")
    if error.request_id:
        lines.append(f"request: {error.request_id}")
    try:
        environment.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        environment.stderr.flush()
    except OSError:
        pass  # stderr is closed; the exit code reports the failure
    return error.exit_code


def _translated(error: AccountError) -> AdminError:
    return AdminError(
        f"{error.cause}.", hint=error.next_step, code=error.code, exit_code=ExitCode(error.exit_code)
    )


def _usage(error: typer.TyperException) -> AdminError:
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    hint = f"{command} --help"
    if command.endswith(_TAKE_SECRETS) and _EXTRA_WORDS in error.format_message():
        # One of them may be the key or the password, which is shown to nobody.
        return UsageError("There are too many words. A secret is never given on the command line.", hint=hint)
    if getattr(error, "option_name", None) is not None and command.endswith(("mcp add", "mcp update")):
        hint += "; put the options of the MCP's command behind --"
    return UsageError(error.format_message(), hint=hint)


def _check_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not argument.isprintable() and any("\ud800" <= char <= "\udfff" for char in argument):
            raise UsageError(f"{argument!r} is not text.")


def _discard_unread_output() -> None:
    # Otherwise the interpreter prints an error when it flushes the rest at exit.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
