"""The client's errors: each has a stable code, an exit code, a cause and a next step."""

import re
from typing import ClassVar, Final

from ambassador_protocol.problems import ProblemCode

MAY_HAVE_RUN: Final = "Check the result before you try again; the call may have run."
TRY_AGAIN: Final = "Try again; if it fails again, ask your administrator."

_SECRET = re.compile(r"amb_(pk|st|ak)_[A-Za-z0-9_-]+")
_LONGEST = 500


def one_line(text: str) -> str:
    """Return the text as one line of at most 500 characters, without control characters, keys masked."""
    visible = "".join(char if char.isprintable() else " " for char in text[: 4 * _LONGEST])
    return _SECRET.sub(r"amb_\1_****", " ".join(visible.split()))[:_LONGEST]


class ClientError(Exception):
    """Base class of the client's errors; the text is safe to show: it contains no secret."""

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
    """The command line is invalid."""

    code = ProblemCode.BAD_REQUEST.value
    exit_code = 2


class SettingsError(ClientError):
    """A flag, environment variable or file contains an unusable value."""

    code = ProblemCode.INVALID_SETTINGS.value
    exit_code = 2


class NotFoundError(ClientError):
    """The requested object does not exist."""

    code = ProblemCode.NOT_FOUND.value
    exit_code = 5


class NotConnectedError(ClientError):
    """The user has not consented in the browser, or at the provider, before the link expired."""

    code = ProblemCode.CONFLICT.value
    exit_code = 8


class SignInError(ClientError):
    """The provider has not signed the user in: it refused, the user cancelled, or nobody answered in time."""

    code = ProblemCode.INVALID_CREDENTIALS.value
    exit_code = 3


class HostFileError(ClientError):
    """The file of an AI application cannot be read or changed; it was not modified."""

    code = ProblemCode.HOST_FILE.value


class ConflictError(ClientError):
    """The change would replace something else."""

    code = ProblemCode.CONFLICT.value
    exit_code = 6


class ChangedMeanwhileError(ClientError):
    """The object was changed by another program between reading and writing."""

    code = ProblemCode.CHANGED_MEANWHILE.value
    exit_code = 6


class NoCredentialsError(ClientError):
    """No preshared key is available for registration."""

    code = ProblemCode.NO_CREDENTIALS.value
    exit_code = 3


class LinkError(ClientError):
    """The request could not be sent to the server, or its answer is unusable."""


class UnreachableError(LinkError):
    """The connection failed or broke, or the server did not answer in time."""

    code = ProblemCode.UNREACHABLE.value
    exit_code = 7


class CertificateRefusedError(UnreachableError):
    """The server ended the TLS handshake because of the client certificate, or because there is none."""

    code = ProblemCode.INVALID_CREDENTIALS.value
    exit_code = 3


class UntrustedCertificateError(LinkError):
    """The server's certificate is not trusted."""

    code = ProblemCode.UNTRUSTED_CERTIFICATE.value
    exit_code = 7


class BadAnswerError(LinkError):
    """The answer does not follow the protocol."""

    code = ProblemCode.BAD_ANSWER.value


class TooLargeError(LinkError):
    """The answer is larger than the limit."""

    code = ProblemCode.TOO_LARGE.value


class ServerRefusedError(LinkError):
    """The server refused the request.

    `status` is the HTTP status; `retry_after` is the wait in seconds that the server asked for, or None.
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
