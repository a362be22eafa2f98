"""The server's error tree. No HTTP and no library in it: one table in `web/middleware/errors.py` maps it."""


class AmbassadorError(Exception):
    """Root of every error the server raises on purpose; the text may be shown to the caller."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInputError(AmbassadorError):
    """What the caller sent cannot be understood or is not allowed here."""


class InvalidQueryError(InvalidInputError):
    """A query that cannot be read; the fault lies `position` characters into the text called `name`."""

    def __init__(self, message: str, *, name: str, position: int) -> None:
        super().__init__(f"{name}: {message}, at character {position + 1}")
        self.name = name
        self.position = position


class NotFoundError(AmbassadorError):
    """No such object, by natural name."""


class ConflictError(AmbassadorError):
    """The object exists already, or its state does not allow the change."""


class ChangedMeanwhileError(AmbassadorError):
    """The object is not any more as the caller last saw it, so the change would undo somebody else's."""


class OperationFailedError(AmbassadorError):
    """One of several operations that were to happen together cannot, so none did; `cause` says why."""

    def __init__(self, operation: int, cause: AmbassadorError) -> None:
        super().__init__(f"operation {operation}: {cause.message}", hint=cause.hint)
        self.operation = operation
        self.cause = cause


class NotAuthenticatedError(AmbassadorError):
    """No valid credential; the message never says which part was wrong."""


class InvalidKeyError(NotAuthenticatedError):
    """The preshared key does not open a session, for whatever reason."""


class InvalidCodeError(NotAuthenticatedError):
    """The one-time code is exchanged for no key, for whatever reason."""


class WrongPasswordError(NotAuthenticatedError):
    """The user name and password open no login, for whatever reason."""


class StoppedError(AmbassadorError):
    """A kill switch holds for this person; the message is the one its author left for them."""


class RateLimitedError(AmbassadorError):
    """Too many attempts; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, hint=f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class MissingRightError(AmbassadorError):
    """An administrator without the right for this; `reason` is what the audit calls it."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AuditUnavailableError(AmbassadorError):
    """The audit log cannot take a record, so nothing may happen."""


class SinkUnavailableError(AmbassadorError):
    """An audit sink cannot take records now; they are sent again, at the earliest after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SinkRefusedError(AmbassadorError):
    """The receiver of an audit sink says of these very records that it will never take them."""


class DownstreamUnavailableError(AmbassadorError):
    """The downstream cannot be reached, exited, or answered with something that is not MCP."""


class DownstreamTimeoutError(AmbassadorError):
    """The downstream did not answer within the deadline of the call."""


class OverloadedError(AmbassadorError):
    """A bounded queue is full."""


class StorageError(AmbassadorError):
    """The database cannot be used: missing, newer than the code, or not answering."""


class ConfigurationError(AmbassadorError):
    """The server cannot start with what it was given; the message says what to change."""
