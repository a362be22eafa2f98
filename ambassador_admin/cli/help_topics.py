"""`help`: what no single command can explain, from the tables the program itself goes by."""

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.settings import (
    CA_VARIABLE,
    CONTEXT_VARIABLE,
    KEY_VARIABLE,
    OUTPUT_VARIABLE,
    URL_VARIABLE,
)
from ambassador_admin.errors import ExitCode
from ambassador_admin.output import View
from ambassador_admin.output.view import Column

_VARIABLES = {
    URL_VARIABLE: "the server's admin address, as --server",
    KEY_VARIABLE: "the admin key, or where it is: env://NAME, file://PATH",
    CA_VARIABLE: "the CA certificate that proves the server, as --ca",
    CONTEXT_VARIABLE: "the context to use instead of the current one, as --context",
    OUTPUT_VARIABLE: "the format of answers, as -o",
    "NO_COLOR": "no colours when it is set to anything",
}
_MEANINGS = {
    ExitCode.OK: "done; also when the reader of the output stopped reading",
    ExitCode.GENERAL: "failed for a reason without a code of its own, or not confirmed",
    ExitCode.USAGE: "the command line, a setting or a value makes no sense, or --yes is missing",
    ExitCode.NOT_AUTHENTICATED: "no admin key, or one that is not accepted",
    ExitCode.DENIED: "your roles do not include this",
    ExitCode.NOT_FOUND: "nothing has that name",
    ExitCode.CONFLICT: "something has that name already, or its state does not allow the change",
    ExitCode.UNREACHABLE: "no server there, one that is not ready, or one whose certificate is not trusted (AMB-5002)",
    ExitCode.PARTIAL: "some of it was done, and the output says what; run it again to complete it",
    ExitCode.DRIFT: "diff: the server is not as the files say",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}
_PRECEDENCE = (
    "An option goes before a variable, a variable before the context. A context named with --context goes before "
    "every variable that is about the server."
)
_VARIABLE = View("variables", (Column("VARIABLE", "name"), Column("MEANING", "meaning")), ("name", "meaning"))
_CODE = View("exit codes", (Column("CODE", "code"), Column("MEANING", "meaning")), ("code", "meaning"))

app = noun("The environment variables and the exit codes.")


@verb(app, "environment")
def environment(admin: Invocation) -> None:
    """List the environment variables.

    Example: ambassador-admin help environment
    """
    admin.output.rows(_VARIABLE, [{"name": name, "meaning": text} for name, text in _VARIABLES.items()])
    admin.output.say(_PRECEDENCE)


@verb(app, "exit-codes")
def exit_codes(admin: Invocation) -> None:
    """List the exit codes.

    Example: ambassador-admin help exit-codes
    """
    admin.output.rows(_CODE, [{"code": int(code), "meaning": text} for code, text in _MEANINGS.items()])
