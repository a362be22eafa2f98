"""Converts an HTTP error response into a ServerRefusedError: problem documents, the original's flat errors, others."""

import math
import time
from typing import Any

from ambassador_client.errors import MAY_HAVE_RUN, ServerRefusedError
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.problems import ProblemCode

_MAX_WAIT_SECONDS = 3600.0

_CODES = {
    400: ProblemCode.BAD_REQUEST,
    401: ProblemCode.INVALID_CREDENTIALS,
    403: ProblemCode.DENIED,
    404: ProblemCode.NOT_FOUND,
    409: ProblemCode.CONFLICT,
    413: ProblemCode.TOO_LARGE,
    429: ProblemCode.RATE_LIMITED,
    503: ProblemCode.NOT_READY,
}

_NEXT_STEPS = {
    401: "Ask your administrator for a new key or code and log in with it, or correct MCP_AMBASSADOR_PRESHARED_KEY.",
    403: "Ask your administrator for access.",
    404: "Check MCP_AMBASSADOR_URL: is this an MCP Ambassador server?",
    413: "Send less at once.",
}


# A gateway answers so for a server that has got the request; of the server's own errors the message tells.
_UNCERTAIN = (500, 502, 504)


def refusal(
    status: int, body: bytes, retry_after: str | None = None, *, is_call: bool = False
) -> ServerRefusedError:
    """Return the error for an HTTP response, with the server's code, message and hint where it has them.

    `is_call` means that the request must not run twice.
    """
    problem = _members(body)
    code = _text(problem, "code") or _CODES.get(status, ProblemCode.BAD_ANSWER).value
    cause = _text(problem, "message") or _text(problem, "detail") or f"the server answered HTTP {status}"
    wait = _seconds(retry_after)
    next_step = _text(problem, "hint") or _next_step(status, wait)
    if is_call and status in _UNCERTAIN and "code" not in problem:
        next_step = MAY_HAVE_RUN
    return ServerRefusedError(
        cause,
        next_step,
        status=status,
        code=code,
        request_id=_text(problem, "request_id"),
        retry_after=wait,
    )


def _next_step(status: int, wait: float | None) -> str:
    if wait is not None:
        return f"Try again in {math.ceil(wait)} s."
    if status == 429 or status >= 500:
        return "Try again later; if it happens again, tell your administrator."
    return _NEXT_STEPS.get(status, "Check that client and server have the same version.")


def _members(body: bytes) -> dict[str, Any]:
    try:
        return parse_object(body)
    except ValueError:
        return {}


def _text(problem: dict[str, Any], member: str) -> str | None:
    value = problem.get(member)
    return value if isinstance(value, str) and value else None


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; at most an hour; None if unreadable."""
    if retry_after is None:
        return None
    seconds = retry_after.strip()
    if seconds.isascii() and seconds.isdigit():
        return min(float(seconds), _MAX_WAIT_SECONDS)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and dates are rare

    try:
        wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, 0.0), _MAX_WAIT_SECONDS)
