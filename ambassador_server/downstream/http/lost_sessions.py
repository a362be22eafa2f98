"""Tells from the answer to a request whether the downstream has lost the session that the request named.

The protocol demands HTTP 404, and only a 404 that is no answer to the request by its id is believed at once.
Downstreams also answer 400, 401, 403, 410, 500 or 503, or 200 with an error, all of which have other causes as well.
After such a doubtful answer a `ping` in the same session decides: if the downstream neither denies the session nor
refuses the `ping` with the same error, the session lives, and the answer is the caller's.

After a new handshake the request is repeated once, if the answer proves that it did not run:

- HTTP 404, by which the protocol refuses a session;
- another HTTP 4xx (but 408, 425, 429 and 499) or an error in HTTP 200, without the id of the request: it was refused
  before it was read as a message;
- an answer with any status which says that the session is not known (not found, invalid, expired, not initialized …):
  in a session that does not exist there is nothing that could run it;
- an error below HTTP 500, with the code of an invalid request or its params, or one that JSON-RPC leaves to servers,
  which is the answer to the `ping` as well: it is the answer to every request of the session.

Any other answer may come from a request that ran, and is never repeated: an HTTP 500 without a reason may be the crash
that lost the session, and "session closed" the success of the request that closed it.
"""

import re
from typing import Final, NamedTuple

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.downstream.http.options import GATEWAY_FAILURES
from ambassador_server.ports.exchange import Reply

_NOT_ABOUT_REQUEST: Final = frozenset({408, 425, 429, 499})
"""HTTP 4xx that tell of time and load, some of them after the request began to run."""

_REFUSALS: Final = frozenset({Code.INVALID_REQUEST.value, Code.INVALID_PARAMS.value, *range(-32099, -31999)})
"""The codes of an invalid request, of invalid params, which a `ping` lacks, and those JSON-RPC leaves to servers."""

_MENTIONED: Final = re.compile(rb"session|initiali[sz]", re.IGNORECASE)
_UNKNOWN: Final = re.compile(
    rb"""
    session .{0,60}? \b (?:
        not\ (?:been\ )?(?:found|valid|known|recogni[sz]ed|exist\w*|active|initiali[sz]ed)
        | does\ ?n[o'\x80-\xff]+t\ exist | no\ longer | un(?:known|recogni[sz]ed) | invalid | expired | missing
        | required | mismatch | stale | lost
    )
    | \b (?: no | (?:can)?not\ find | un(?:known|recogni[sz]ed) | invalid | missing | expired | stale | bad )
        \b .{0,40} session
    | \b not\ (?:been\ |yet\ )?initiali[sz]ed
    | \b (?:before|during) \b .{0,20} initiali[sz]ation
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


class Answer(NamedTuple):
    """The answer to one request; `reply` is None if it is not JSON-RPC.

    `text` is the beginning of the error, or of the body that is not JSON-RPC. `is_own` tells whether the answer has the
    id of the request.
    """

    status: int
    reply: Reply | None
    is_own: bool
    text: bytes = b""


class _Error(msgspec.Struct):
    code: int
    message: str


_NO_ERROR: Final = _Error(0, "")
_error_decoder = msgspec.json.Decoder(_Error)


def is_doubtful(answer: Answer) -> bool:
    """Tell whether the session may be lost."""
    if answer.reply is not None and answer.reply.result is not None:
        return False
    is_failure = answer.status >= 500 and answer.status not in GATEWAY_FAILURES
    return denies_session(answer) or (is_failure and not answer.is_own) or _may_concern_session(answer)


def denies_session(answer: Answer, doubtful: Answer | None = None) -> bool:
    """Tell whether the answer to a `ping` shows that the session is not accepted.

    It does so as well if it is the same error as the `doubtful` answer before.
    """
    if answer.reply is not None and answer.reply.result is not None:
        return False
    if doubtful is not None and _may_concern_session(doubtful) and _is_same_error(answer, doubtful):
        return True
    if _MENTIONED.search(answer.text):
        return True
    return _is_refused(answer) or (answer.status == 404 and not _is_unknown_method(answer))


def refuses_credentials(answer: Answer) -> bool:
    """Tell whether the credentials were refused, and not a session that is missing."""
    return answer.status in (401, 403) and _MENTIONED.search(answer.text) is None


def is_certain(answer: Answer) -> bool:
    """Tell whether the session is lost according to the protocol."""
    return answer.status == 404 and not answer.is_own


def proves_nothing_ran(answer: Answer, ping: Answer | None = None) -> bool:
    """Tell whether the request did not run, if its session is lost; `ping` is the answer to a `ping` after it."""
    if answer.status == 404 or _is_refused(answer) or _UNKNOWN.search(answer.text) is not None:
        return True
    is_refusal = answer.status < 500 and _error_in(answer).code in _REFUSALS
    return is_refusal and ping is not None and _is_same_error(ping, answer)


def forgets_session(status: int, text: bytes) -> bool:
    """Tell whether the answer to a message over the transport `sse` says that the session is not known."""
    return status in (404, 410) or (status == 400 and _UNKNOWN.search(text) is not None)


def _is_refused(answer: Answer) -> bool:
    """Tell whether a request was refused before it was read as a message."""
    if answer.status < 300:
        return answer.reply is not None and not answer.is_own
    return not answer.is_own and 400 <= answer.status < 500 and answer.status not in _NOT_ABOUT_REQUEST


def _is_unknown_method(answer: Answer) -> bool:
    return _error_in(answer).code == Code.METHOD_NOT_FOUND


def _may_concern_session(answer: Answer) -> bool:
    """Tell whether an error may be the answer to every request of the session, by its code."""
    code = _error_in(answer).code
    return code in _REFUSALS or code == Code.INTERNAL_ERROR


def _is_same_error(one: Answer, other: Answer) -> bool:
    return _error_in(one) == _error_in(other)


def _error_in(answer: Answer) -> _Error:
    error = answer.reply.error if answer.reply is not None else None
    try:
        return _NO_ERROR if error is None else _error_decoder.decode(error)
    except msgspec.DecodeError:
        return _NO_ERROR
