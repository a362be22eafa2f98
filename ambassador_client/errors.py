"""What can go wrong in the client: each error has a stable code, an exit code, one cause and one next step."""

import re
from typing import ClassVar, Final

from ambassador_protocol.problems import ProblemCode

MAY_HAVE_RUN: Final = "Check the result before you try again; the call may have run."
TRY_AGAIN: Final = "Try again; if it stays so, ask your administrator."

_SECRET = re.compile(r"amb_(pk|st|ak)_[A-Za-z0-9_-]+")
_LONGEST = 500


def one_line(text: str) -> str:
    """Return text fit for a terminal and a log: one line, no control characters, no key, at most 500 characters."""
    visible = "".join(char if char.isprintable() else " " for char in text[: 4 * _LONGEST])
    return _SECRET.sub(r"amb_\1_****", " ".join(visible.split()))[:_LONGEST]


class ClientError(Exception):
    """Root of every error the client raises on purpose; the text may be shown to anyone."""

    code: str = ProblemCode.INTERNAL.value
    exit_code: int = 1

    def __init__(self, cause: str, next_step: str = "") -> None:
        super().__init__(cause, next_step)
        self.cause = one_line(cause).rstrip(".")
        self.next_step = one_line(next_step)

    def __str__(self) -> str:
        """Return `AMB-nnnn cause. What to do.`."""
        return f"{self.code} {self.cause}. {self.next_step}".rstrip()


class UsageError(ClientError):
    """The command line makes no sense."""

    code = ProblemCode.BAD_REQUEST.value
    exit_code = 2


class SettingsError(ClientError):
    """A flag, environment variable or configuration file holds something that cannot be used."""

    code = ProblemCode.INVALID_SETTINGS.value
    exit_code = 2


class NotFoundError(ClientError):
    """What was asked for is not there."""

    code = ProblemCode.NOT_FOUND.value
    exit_code = 5


class HostFileError(ClientError):
    """The file of an AI application cannot be read or changed as it is; it was left alone."""

    code = ProblemCode.HOST_FILE.value


class ChangedMeanwhileError(ClientError):
    """What was to be changed is no longer what was looked at."""

    code = ProblemCode.CHANGED_MEANWHILE.value
    exit_code = 6


class NoCredentialsError(ClientError):
    """There is no preshared key to register with."""

    code = ProblemCode.NO_CREDENTIALS.value
    exit_code = 3


class LinkError(ClientError):
    """The server could not be asked, or its answer could not be used."""


class UnreachableError(LinkError):
    """No connection, or it broke, or nothing came within the deadline."""

    code = ProblemCode.UNREACHABLE.value
    exit_code = 7


class UntrustedCertificateError(LinkError):
    """The server's certificate is not one we trust."""

    code = ProblemCode.UNTRUSTED_CERTIFICATE.value
    exit_code = 7


class BadAnswerError(LinkError):
    """What answered does not speak the protocol."""

    code = ProblemCode.BAD_ANSWER.value


class TooLargeError(LinkError):
    """The answer is larger than we are willing to hold."""

    code = ProblemCode.TOO_LARGE.value


class ServerRefusedError(LinkError):
    """The server answered, and the answer is no.

    `status` is the HTTP status, `retry_after` the seconds the server asked to wait, if it did.
    """

    _EXIT_CODES: ClassVar[dict[int, int]] = {401: 3, 403: 4, 404: 5, 409: 6, 429: 7, 502: 7, 503: 7, 504: 7}

    def __init__(
        self,
        cause: str,
        next_step: str = "",
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause, next_step)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.exit_code = self._EXIT_CODES.get(status, 1)
