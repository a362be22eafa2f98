"""What can go wrong here: each error has a stable code, one cause, one next step and an exit code."""

from enum import IntEnum

from ambassador_protocol.problems import ProblemCode


class ExitCode(IntEnum):
    """What a script may rely on."""

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
    """Root of every error this program raises on purpose; `hint` is the command or step that mends it.

    `operation` is the place of the one that failed in a batch; `place` is a text of the user's and the character at
    which it goes wrong.
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
    """The command line makes no sense, or a confirmation is missing."""

    code = ProblemCode.BAD_REQUEST
    exit_code = ExitCode.USAGE


class SettingsError(AdminError):
    """An option, environment variable or context holds something that cannot be used."""

    code = ProblemCode.INVALID_SETTINGS
    exit_code = ExitCode.USAGE


class NoCredentialsError(AdminError):
    """There is no admin key for this server."""

    code = ProblemCode.NO_CREDENTIALS
    exit_code = ExitCode.NOT_AUTHENTICATED


class NotFoundError(AdminError):
    """Nothing of that name on this machine."""

    code = ProblemCode.NOT_FOUND
    exit_code = ExitCode.NOT_FOUND


class ConflictError(AdminError):
    """Something of that name is here already."""

    code = ProblemCode.CONFLICT
    exit_code = ExitCode.CONFLICT


class UnreachableError(AdminError):
    """No connection, or it broke, or nothing came in time; also a server that asks to come back later."""

    code = ProblemCode.UNREACHABLE
    exit_code = ExitCode.UNREACHABLE


class UntrustedCertificateError(AdminError):
    """What answers there cannot prove to be the server we trust."""

    code = ProblemCode.UNTRUSTED_CERTIFICATE
    exit_code = ExitCode.UNREACHABLE


class BadAnswerError(AdminError):
    """What answers there does not speak the admin API."""

    code = ProblemCode.BAD_ANSWER


class RefusedError(AdminError):
    """The server answered, and the answer is no; code and exit code are the answer's."""


class ReaderGoneError(Exception):
    """Whoever read our output has stopped reading; nothing to report."""
