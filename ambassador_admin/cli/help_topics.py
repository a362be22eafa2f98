"""The `help` commands: environment variables and exit codes."""

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
from ambassador_client.account import client_certificate

_VARIABLES = {
    URL_VARIABLE: "the server's admin address, as --server",
    KEY_VARIABLE: "the admin key, or a reference to it: env://NAME, file://PATH",
    CA_VARIABLE: "the CA certificate to verify the server with, as --ca",
    client_certificate.CERT_VARIABLE: "the certificate by which the server knows you, a file in PEM",
    client_certificate.KEY_VARIABLE: "the file with its key, unless that is in the same file",
    client_certificate.PASSPHRASE_VARIABLE: "the place of the key's passphrase: env://NAME, file://PATH",
    CONTEXT_VARIABLE: "the context to use instead of the current one, as --context",
    OUTPUT_VARIABLE: "the output format, as -o",
    "NO_COLOR": "no colours, if it is set to any text",
}
_MEANINGS = {
    ExitCode.OK: "success; also when the reader of the output has closed it",
    ExitCode.GENERAL: "failure without an exit code of its own, or no confirmation",
    ExitCode.USAGE: "invalid command line, setting or value, or --yes is missing",
    ExitCode.NOT_AUTHENTICATED: "no admin key, or an invalid one",
    ExitCode.DENIED: "your roles do not permit the request",
    ExitCode.NOT_FOUND: "no object has that name",
    ExitCode.CONFLICT: "an object with that name exists, or its state does not allow the change",
    ExitCode.UNREACHABLE: "the server cannot be reached, is not ready, or has an untrusted certificate (AMB-5002)",
    ExitCode.PARTIAL: "some changes were made, and the output names them; run the command again to complete them",
    ExitCode.DRIFT: "diff: the server differs from the files",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}
_PRECEDENCE = (
    "An option takes precedence over a variable, a variable over the context. With --context, variables that are about "
    "the server are ignored."
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
