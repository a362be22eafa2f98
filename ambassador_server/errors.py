"""The server's errors; one table in `web/middleware/errors.py` maps them to HTTP."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Advice(StrEnum):
    """What the person who sees an error can do about it; the faces put it into words, `wording/advice.py`."""

    ADD_KEY = "add_key"
    ASK_ADMINISTRATOR = "ask_administrator"
    ASK_FOR_CERTIFICATE = "ask_for_certificate"
    ASK_FOR_KEY = "ask_for_key"
    ASK_FOR_ROLE = "ask_for_role"
    ASK_ANOTHER_ADMINISTRATOR = "ask_another_administrator"
    ALLOW_UNMATCHED = "allow_unmatched"
    APPOINT_ADMINISTRATOR = "appoint_administrator"
    CANCEL_REQUEST = "cancel_request"
    CHECK_CODE = "check_code"
    CONNECT_AGAIN = "connect_again"
    GIVE_ALL_OPTIONS = "give_all_options"
    GIVE_ROLE = "give_role"
    LIFT_SWITCH = "lift_switch"
    LIST_GRANTED_MCPS = "list_granted_mcps"
    LIST_REQUESTS = "list_requests"
    LOG_OUT = "log_out"
    NAME_ROLE = "name_role"
    NEEDS_NO_CREDENTIAL = "needs_no_credential"
    NOTHING_TO_DO = "nothing_to_do"
    READ_AGAIN = "read_again"
    REMOVE_GRANT = "remove_grant"
    REMOVE_LIMIT = "remove_limit"
    REVOKE_ADMIN_KEY = "revoke_admin_key"
    REVOKE_CREDENTIALS = "revoke_credentials"
    SET_PUBLIC_URL = "set_public_url"
    TRY_AGAIN_IN_A_MINUTE = "try_again_in_a_minute"
    TRY_AGAIN_LATER = "try_again_later"
    USE_NEW_KEY = "use_new_key"


class AmbassadorError(Exception):
    """The base of all errors of the server; all that it holds may be shown to the caller.

    The rules and the use cases give `advice`, whose text may need `parameters`; what serves a file, a database or a
    process says in `hint` how to mend that.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        advice: Advice | None = None,
        **parameters: str | int,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.advice = advice
        self.parameters = parameters


class InvalidInputError(AmbassadorError):
    """The input is malformed or not allowed."""


class InvalidQueryError(InvalidInputError):
    """A query is malformed; the error is at character `position` of the text called `name`."""

    def __init__(self, message: str, *, name: str, position: int) -> None:
        super().__init__(f"{name}: {message}, at character {position + 1}")
        self.name = name
        self.position = position


class NotFoundError(AmbassadorError):
    """No object has this name or id."""


class ConflictError(AmbassadorError):
    """The object exists already, or its state does not allow the change."""


class ChangedMeanwhileError(AmbassadorError):
    """The object has changed since the caller read it, so writing it would undo another change."""


class OperationFailedError(AmbassadorError):
    """One operation of a batch failed with `cause`, so no operation of the batch was carried out."""

    def __init__(self, operation: int, cause: AmbassadorError) -> None:
        message = f"operation {operation}: {cause.message}"
        super().__init__(message, hint=cause.hint, advice=cause.advice, **cause.parameters)
        self.operation = operation
        self.cause = cause


class NotAuthenticatedError(AmbassadorError):
    """The credential is missing or invalid; the message never tells which part was wrong."""


class InvalidKeyError(NotAuthenticatedError):
    """The preshared key is unknown, expired or inactive, or its user is inactive; the message does not tell which."""


class InvalidCodeError(NotAuthenticatedError):
    """The one-time code is unknown, used or expired, or its user is inactive; the message does not tell which."""


class WrongPasswordError(NotAuthenticatedError):
    """The user name or the password is wrong, or the user may not log in; the message does not tell which."""


class InvalidTokenError(NotAuthenticatedError):
    """An access token is not accepted; the message tells why only if an issuer has signed it."""


class TokenRequestError(AmbassadorError):
    """A client gets no access token; `code` is the error code of OAuth (RFC 6749, 8707)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SignInRefusedError(NotAuthenticatedError):
    """An ID token is not accepted; the message tells why only if an issuer has signed it."""


class InsufficientScopeError(AmbassadorError):
    """An access token is good, but lacks one of `scopes`, which are all that are needed."""

    def __init__(self, message: str, *, scopes: tuple[str, ...]) -> None:
        super().__init__(message)
        self.scopes = scopes


class IssuerUnavailableError(AmbassadorError):
    """An access token cannot be checked, because the keys of its issuer cannot be fetched."""


class StoppedError(AmbassadorError):
    """A kill switch stops this user; the message includes the text that its author wrote for users."""


class RateLimitedError(AmbassadorError):
    """Too many attempts; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, advice=Advice.TRY_AGAIN_LATER, seconds=retry_after)
        self.retry_after = retry_after


class MissingRightError(AmbassadorError):
    """The administrator lacks a right, which `roles` have; `reason` is the reason code in the audit."""

    def __init__(self, message: str, *, reason: str, roles: str | None = None) -> None:
        if roles is None:
            super().__init__(message)
        else:
            super().__init__(message, advice=Advice.ASK_FOR_ROLE, roles=roles)
        self.reason = reason


class AuditUnavailableError(AmbassadorError):
    """The audit log cannot be written, so the request is not carried out."""


class DamagedPositionsError(AuditUnavailableError):
    """The file with the positions of an audit sink holds something else."""


class SinkUnavailableError(AmbassadorError):
    """An audit sink cannot take records now; they are sent again after at least `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SinkRefusedError(AmbassadorError):
    """The receiver of an audit sink rejected these records for good."""


class DownstreamUnavailableError(AmbassadorError):
    """The downstream cannot be reached, has exited, or gave an answer that is not MCP."""


class AuthorizationError(DownstreamUnavailableError):
    """A downstream cannot be accessed by OAuth; the message has no text of a server but URLs and error codes."""


class AuthorizationServerUnavailableError(AuthorizationError):
    """An authorization server cannot be reached, is slow, or gave an invalid answer; a grant stays as it is."""


class UntrustedMetadataError(AuthorizationError):
    """The metadata of an authorization server breaks a rule that protects users: no PKCE, no TLS, another resource."""


class IssuerMismatchError(UntrustedMetadataError):
    """A document or a callback is of another issuer than expected."""


class RegistrationRefusedError(AuthorizationError):
    """An authorization server does not accept this server as a client, so an administrator has to declare one."""


class RegistrationDeadError(AuthorizationError):
    """An authorization server no longer knows this client, which has to register again."""


class GrantDeadError(AuthorizationError):
    """A code, a refresh token or an assertion is used, expired or revoked, so the user has to connect again."""


class AuthorizationDeniedError(AuthorizationError):
    """The user, or the authorization server, has denied access."""


class ScopeRefusedError(AuthorizationError):
    """An authorization server does not give these scopes to this client; one registered again with all may get them."""


class StepUpNeededError(AuthorizationError):
    """A downstream demands more scopes, so the user has to authorize again for all of `scopes`."""

    def __init__(self, message: str, *, scopes: tuple[str, ...]) -> None:
        super().__init__(message)
        self.scopes = scopes


class CredentialRefusedError(DownstreamUnavailableError):
    """The downstream refuses the credential of a request, and has run nothing.

    `challenge` is the value of `WWW-Authenticate`. If `is_known` the credential was accepted, but does not suffice.
    """

    def __init__(self, message: str, *, challenge: str = "", is_known: bool = False) -> None:
        super().__init__(message)
        self.challenge = challenge
        self.is_known = is_known


class DownstreamTimeoutError(AmbassadorError):
    """The downstream did not answer within the deadline of the call."""


class DefinitionChangedError(AmbassadorError):
    """The downstream offers another definition of the tool than the approved one, so the call was not sent."""


class ServerStoppingError(AmbassadorError):
    """The server shuts down and has stopped the call, which may have run."""


class OverloadedError(AmbassadorError):
    """A bounded queue is full."""


class PolicyStaleError(AmbassadorError):
    """The policy cannot be confirmed with the database, so nothing can be said about what it permits."""


class CredentialMissingError(AmbassadorError):
    """An MCP needs a credential that is not there, so it is not connected to."""


class VaultError(AmbassadorError):
    """A sealed credential cannot be opened."""


class VaultKeyMissingError(VaultError):
    """The master key that a credential was sealed under is not there."""


class VaultDamagedError(VaultError):
    """A sealed credential was changed, or belongs to another user, MCP or field."""


class StorageError(AmbassadorError):
    """The database cannot be used: missing, newer than the code, or not answering."""


class ConfigurationError(AmbassadorError):
    """The configuration is invalid; the message tells what to change."""


def failure_reason(error: BaseException) -> str:
    """Return the reason in the audit for a call or a test of a connection that failed."""
    match error:
        case DownstreamTimeoutError():
            return "downstream_timeout"
        case DownstreamUnavailableError():
            return "downstream_unavailable"
        case OverloadedError():
            return "overloaded"
        case AmbassadorError():
            return "failed"
        case _:
            return "cancelled"


def entry_for(error: AmbassadorError, table: Mapping[type[AmbassadorError], T]) -> T | None:
    """Return the table's entry for the class of an error, or for its nearest base class that has one."""
    return next((table[kind] for kind in type(error).__mro__ if kind in table), None)
