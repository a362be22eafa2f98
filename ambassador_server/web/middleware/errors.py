"""Converts errors to problem+json, with the only table from error class to status."""

from typing import Any

import structlog
from aiohttp import web

from ambassador_protocol.paths import CONNECT_PAGE
from ambassador_protocol.problems import Problem, ProblemCode
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    AuthorizationDeniedError,
    ChangedMeanwhileError,
    ConflictError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InsufficientScopeError,
    InvalidCodeError,
    InvalidInputError,
    InvalidKeyError,
    InvalidQueryError,
    IssuerUnavailableError,
    MissingRightError,
    NotAuthenticatedError,
    NotFoundError,
    OperationFailedError,
    OverloadedError,
    PolicyStaleError,
    RateLimitedError,
    ServerStoppingError,
    SignInRefusedError,
    StoppedError,
    StorageError,
    TokenRequestError,
    VaultError,
    WrongPasswordError,
    entry_for,
)
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.middleware.challenges import challenge
from ambassador_server.web.problems import render_problem
from ambassador_server.wording.advice import hint_text

_STOPPED_RETRY_SECONDS = 15

_log = structlog.get_logger("web")

_TABLE: dict[type[AmbassadorError], tuple[int, ProblemCode, str]] = {
    InvalidInputError: (400, ProblemCode.BAD_REQUEST, "validation_error"),
    InvalidQueryError: (400, ProblemCode.BAD_REQUEST, "validation_error"),
    NotAuthenticatedError: (401, ProblemCode.SESSION_INVALID, "Unauthorized"),
    InvalidKeyError: (401, ProblemCode.INVALID_CREDENTIALS, "invalid_credentials"),
    InvalidCodeError: (401, ProblemCode.INVALID_CREDENTIALS, "invalid_credentials"),
    SignInRefusedError: (401, ProblemCode.INVALID_CREDENTIALS, "invalid_credentials"),
    WrongPasswordError: (401, ProblemCode.INVALID_CREDENTIALS, "invalid_credentials"),
    InsufficientScopeError: (403, ProblemCode.DENIED, "insufficient_scope"),
    TokenRequestError: (400, ProblemCode.BAD_REQUEST, "invalid_request"),
    MissingRightError: (403, ProblemCode.MISSING_RIGHT, "forbidden"),
    StoppedError: (403, ProblemCode.DENIED, "session_suspended"),
    NotFoundError: (404, ProblemCode.NOT_FOUND, "not_found"),
    ConflictError: (409, ProblemCode.CONFLICT, "conflict"),
    ChangedMeanwhileError: (412, ProblemCode.CHANGED_MEANWHILE, "changed_meanwhile"),
    RateLimitedError: (429, ProblemCode.RATE_LIMITED, "rate_limit_exceeded"),
    DownstreamUnavailableError: (502, ProblemCode.DOWNSTREAM_UNAVAILABLE, "downstream_unavailable"),
    AuthorizationDeniedError: (403, ProblemCode.DENIED, "authorization_denied"),
    DownstreamTimeoutError: (504, ProblemCode.DOWNSTREAM_TIMEOUT, "downstream_timeout"),
    AuditUnavailableError: (503, ProblemCode.AUDIT_UNAVAILABLE, "audit_unavailable"),
    OverloadedError: (503, ProblemCode.OVERLOADED, "overloaded"),
    PolicyStaleError: (503, ProblemCode.POLICY_STALE, "policy_stale"),
    ServerStoppingError: (503, ProblemCode.NOT_READY, "server_stopping"),
    StorageError: (503, ProblemCode.NOT_READY, "storage_unavailable"),
    IssuerUnavailableError: (503, ProblemCode.NOT_READY, "issuer_unavailable"),
    VaultError: (503, ProblemCode.NOT_READY, "vault_unavailable"),
}

_INTERNAL = (500, ProblemCode.INTERNAL, "internal_error")

_HTTP_CODES: dict[int, ProblemCode] = {
    400: ProblemCode.BAD_REQUEST,
    403: ProblemCode.FORBIDDEN_ORIGIN,
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    413: ProblemCode.TOO_LARGE,
    415: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    421: ProblemCode.FORBIDDEN_ORIGIN,
}


def problem_code(error: AmbassadorError) -> ProblemCode:
    """Return the code of an error, that of its base class if it has none of its own."""
    return _row(error)[1]


def _row(error: AmbassadorError) -> tuple[int, ProblemCode, str]:
    return entry_for(error, _TABLE) or _INTERNAL


def status_of(error: AmbassadorError) -> int:
    """Return the HTTP status of an error."""
    return _row(error)[0]


def error_response(request: web.Request, error: Exception) -> web.Response:
    """Convert a known error by the table, and any other error to a 500 without internal details."""
    if isinstance(error, AmbassadorError):
        return _for_error(request, error)
    if isinstance(error, web.HTTPException):
        return _for_http(request, error)
    _log.error("unhandled error", path=shown_path(request), exc_info=error)
    return problem_response(
        request, 500, ProblemCode.INTERNAL, "internal_error", "The server failed to answer the request."
    )


def problem_response(
    request: web.Request,
    status: int,
    code: ProblemCode,
    error: str,
    message: str,
    hint: str | None = None,
    **members: Any,
) -> web.Response:
    """Build an error response; `members` are further members of a `Problem`."""
    problem = Problem(
        status=status,
        code=code,
        error=error,
        message=message,
        request_id=request[ORIGIN].request_id,
        hint=hint,
        **members,
    )
    return render_problem(problem)


def _for_error(request: web.Request, error: AmbassadorError) -> web.Response:
    status, code, name = _row(error.cause if isinstance(error, OperationFailedError) else error)
    if status >= 500:
        _log.warning("request failed", error=name, cause=error.message)
    response = problem_response(
        request, status, code, name, error.message, hint_text(error), **_further_members(error)
    )
    if isinstance(error, RateLimitedError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, StoppedError):
        # Clients should retry soon after the switch is lifted, but not continuously until then.
        response.headers["Retry-After"] = str(_STOPPED_RETRY_SECONDS)
    if status == 401 or isinstance(error, InsufficientScopeError):
        response.headers["WWW-Authenticate"] = challenge(request, error)
    return response


def _further_members(error: AmbassadorError) -> dict[str, str | int]:
    match error:
        case OperationFailedError():
            return {"operation": error.operation}
        case InvalidQueryError():
            return {"parameter": error.name, "position": error.position}
        case _:
            return {}


def shown_path(request: web.Request) -> str:
    """Return the path for logs and messages; a link to connect is a secret until it was opened."""
    return f"{CONNECT_PAGE}/…" if request.path.startswith(f"{CONNECT_PAGE}/") else request.path


def _for_http(request: web.Request, error: web.HTTPException) -> web.Response:
    code = _HTTP_CODES.get(
        error.status, ProblemCode.INTERNAL if error.status >= 500 else ProblemCode.BAD_REQUEST
    )
    has_own_text = error.text and error.text != f"{error.status}: {error.reason}"
    message = error.text if has_own_text else f"{error.reason}: {request.method} {shown_path(request)}"
    response = problem_response(request, error.status, code, error.reason, message or error.reason)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
