"""The errors of this program: each has an error code, a message, a hint and an exit code."""

from enum import IntEnum

from ambassador_protocol.problems import ProblemCode


class ExitCode(IntEnum):
    """The exit codes; scripts rely on their meaning."""

    OK = 0
    GENERAL = 1
    USAGE = 2
    NOT_AUTHENTICATED = 3
    DENIED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNREACHABLE = 7
    PARTIAL = 9
    DRIFT = 10
    INTERRUPTED = 130


class AdminError(Exception):
    """Base of every expected error; `hint` is the command or step that solves it.

    `operation` is the index of the failed operation in a batch. `position` is a text that the user wrote and the index
    of the first wrong character in it.
    """

    code: ProblemCode | str = ProblemCode.INTERNAL
    exit_code: ExitCode = ExitCode.GENERAL

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        exit_code: ExitCode | None = None,
        request_id: str | None = None,
        operation: int | None = None,
        position: tuple[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.request_id = request_id
        self.operation = operation
        self.position = position
        if code is not None:
            self.code = code
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(AdminError):
    """The command line is invalid, or a confirmation is missing."""

    code = ProblemCode.BAD_REQUEST
    exit_code = ExitCode.USAGE


class NotConfirmedError(AdminError):
    """The user has answered no to a question; this is no failure, but nothing was done."""


class SettingsError(AdminError):
    """An option, environment variable or context has an invalid value."""

    code = ProblemCode.INVALID_SETTINGS
    exit_code = ExitCode.USAGE


class NoCredentialsError(AdminError):
    """There is no admin key for this server."""

    code = ProblemCode.NO_CREDENTIALS
    exit_code = ExitCode.NOT_AUTHENTICATED


class NotFoundError(AdminError):
    """There is no context or file of that name on this machine."""

    code = ProblemCode.NOT_FOUND
    exit_code = ExitCode.NOT_FOUND


class ConflictError(AdminError):
    """A file of that name exists on this machine, or the server's state does not allow the change."""

    code = ProblemCode.CONFLICT
    exit_code = ExitCode.CONFLICT


class UnreachableError(AdminError):
    """There is no connection, it broke, the answer took too long, or the server asks to try later."""

    code = ProblemCode.UNREACHABLE
    exit_code = ExitCode.UNREACHABLE


class CertificateRefusedError(UnreachableError):
    """The server ended the TLS handshake because of the client certificate, or because there is none."""

    code = ProblemCode.INVALID_CREDENTIALS
    exit_code = ExitCode.NOT_AUTHENTICATED

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"{server} refuses: {reason}.",
            hint=f"ask for a certificate that it accepts: ambassador-admin login {server} --cert FILE",
        )


class UntrustedCertificateError(AdminError):
    """The server's certificate is not trusted."""

    code = ProblemCode.UNTRUSTED_CERTIFICATE
    exit_code = ExitCode.UNREACHABLE


class BadAnswerError(AdminError):
    """The answer does not follow the admin API."""

    code = ProblemCode.BAD_ANSWER


class RefusedError(AdminError):
    """The server refused the request; code and exit code follow from its answer."""


class ReaderGoneError(Exception):
    """The reader of standard output has closed it; this is no failure."""
