"""What every stable code means and what mends it: the one table behind `errors show` of both command lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ambassador_protocol.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code in words: what it means, and what to do, most likely first."""

    meaning: str
    remedies: tuple[str, ...]


def find_code(text: str) -> ProblemCode | None:
    """Return the code that a person wrote: `AMB-5001`, `amb-5001` or `5001`."""
    number = text.strip().upper().removeprefix("AMB-")
    return next((code for code in ProblemCode if code.value == f"AMB-{number}"), None)


def _told(meaning: str, *remedies: str) -> Explanation:
    return Explanation(meaning, remedies)


EXPLANATIONS: Final[Mapping[ProblemCode, Explanation]] = {
    ProblemCode.INTERNAL: _told(
        "Something went wrong that nobody foresaw: a defect of the program that said it.",
        "Try once more; it may have been a moment.",
        "Report it with the request id and the output of `ambassador-client bugreport`.",
    ),
    ProblemCode.BAD_REQUEST: _told(
        "The command line or the request makes no sense; the message says which part.",
        "Look at the --help of the command.",
        "Are client and server of the same version? `ambassador-client status` tells.",
    ),
    ProblemCode.NOT_FOUND: _told(
        "Nothing has that name, or you may not know of it.",
        "List what there is; names are case-sensitive.",
        "If everything is not found, the address may be that of another server.",
    ),
    ProblemCode.METHOD_NOT_ALLOWED: _told(
        "The address exists, but not for this kind of request.",
        "Are client and server of the same version?",
        "A proxy on the way may have changed the request.",
    ),
    ProblemCode.TOO_LARGE: _told(
        "A request or an answer is larger than the limit.",
        "Send or ask for less at once.",
        "An administrator can raise limits.body_bytes of the server.",
    ),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: _told(
        "The body was not sent as application/json.", "Are client and server of the same version?"
    ),
    ProblemCode.CONFLICT: _told(
        "Something has that name already, or its state does not allow the change.",
        "Look at it first, then change it; the message says what is in the way.",
    ),
    ProblemCode.FORBIDDEN_ORIGIN: _told(
        "The request names a host the server does not answer to, or comes from a page of another site.",
        "Use the host name the server was set up with.",
        "An administrator can add the name to the server's allowed hosts.",
    ),
    ProblemCode.NOT_READY: _told(
        "The server runs but cannot do its work yet, most often because of its database.",
        "Try again in a moment.",
        "Administrators: `ambassador-admin server health` says which condition fails.",
    ),
    ProblemCode.OVERLOADED: _told(
        "A bounded queue is full: too much is being asked at once.",
        "Try again in a moment, with less at once.",
    ),
    ProblemCode.CHANGED_MEANWHILE: _told(
        "What was to be changed is not any more as it was looked at; nothing was changed.",
        "Look again, then repeat the change.",
    ),
    ProblemCode.HOST_FILE: _told(
        "The configuration file of an AI application cannot be read or changed as it is; it was left alone.",
        "Correct the file, or enter the client by hand: `ambassador-client hosts print NAME`.",
    ),
    ProblemCode.INVALID_CREDENTIALS: _told(
        "The key, password or one-time code is not accepted: wrong, expired, revoked, used, or its user is not active.",
        "Log in again: `ambassador-client login URL`.",
        "Ask your administrator for a new key or code.",
    ),
    ProblemCode.SESSION_INVALID: _told(
        "The session has ended, or there was no valid key or token.",
        "Start the application again; the client opens a new session by itself.",
        "`ambassador-client status` tells whether the key is still accepted.",
    ),
    ProblemCode.RATE_LIMITED: _told(
        "Too many attempts in a short time, mostly wrong keys or codes from your address.",
        "Wait for as long as the message says.",
        "Look for a client with an old key: it keeps trying.",
    ),
    ProblemCode.DENIED: _told(
        "An administrator's rule or kill switch does not allow this.",
        "The message has the reason; ask your administrator.",
        "Administrators: `ambassador-admin access explain USER TOOL` names the rule.",
    ),
    ProblemCode.MISSING_RIGHT: _told(
        "The roles of this administrator do not include it.",
        "`ambassador-admin whoami` shows the roles; ask somebody with the role admin.",
    ),
    ProblemCode.CASES_FAILED: _told(
        "Some of the access cases that were checked are not as the file says.",
        "Look at the cases that failed; correct the grants or the file.",
    ),
    ProblemCode.INCOMPLETE: _told(
        "Some of what was to be done was done, the rest was not.",
        "The output says what is missing; run the command again to complete it.",
    ),
    ProblemCode.DOWNSTREAM_UNAVAILABLE: _told(
        "The MCP server behind the tool cannot be reached, or ended.",
        "Try again in a moment; it is started again by itself.",
        "Administrators: `ambassador-admin mcp show NAME` has its state and last error.",
    ),
    ProblemCode.DOWNSTREAM_TIMEOUT: _told(
        "The MCP server behind the tool did not answer in time; the call may have run.",
        "Check the result before you try again.",
        "An administrator can give the MCP more time.",
    ),
    ProblemCode.AUDIT_UNAVAILABLE: _told(
        "The audit log cannot take a record, so nothing is allowed to happen.",
        "Administrators: look at the space and the owner of the audit directory.",
    ),
    ProblemCode.POLICY_STALE: _told(
        "The server cannot confirm its policy with the database, so it denies.",
        "Try again in a moment.",
        "Administrators: is the database there? `ambassador-admin server health`.",
    ),
    ProblemCode.AUDIT_BROKEN: _told(
        "The audit log is not as it was written: a record is missing, changed or added.",
        "Administrators: keep a copy of it, then find out who had access to the files.",
    ),
    ProblemCode.TOOL_FAILED: _told(
        "The call was allowed and ran, and the tool says that it failed.",
        "Its answer says why; correct the arguments, or ask whoever runs the tool.",
    ),
    ProblemCode.UNREACHABLE: _told(
        "No connection to the server, or it broke off.",
        "Check the address and the network: `ambassador-client doctor`.",
        "Behind a corporate proxy set HTTPS_PROXY, and NO_PROXY for what is inside.",
        "Is the server running?",
    ),
    ProblemCode.UNTRUSTED_CERTIFICATE: _told(
        "The server's certificate is not one that is trusted here, so nothing was sent.",
        "Log in with the fingerprint the server printed: `ambassador-client login URL --fingerprint SHA256`.",
        "Or name its CA certificate: --ca-file FILE.",
        "A clock that is wrong makes good certificates look bad.",
    ),
    ProblemCode.INVALID_SETTINGS: _told(
        "A flag, an environment variable or a file holds something that cannot be used.",
        "The message names the place; correct it there.",
        "`ambassador-client doctor` looks at all of them.",
    ),
    ProblemCode.NO_CREDENTIALS: _told(
        "There is no key to show to the server.",
        "Log in: `ambassador-client login URL`.",
        "Or set MCP_AMBASSADOR_PRESHARED_KEY, best to file://PATH.",
        "A key in the system's keyring needs the library for it: `pipx inject mcp-ambassador keyring`.",
    ),
    ProblemCode.BAD_ANSWER: _told(
        "What answered does not speak the protocol: most often another program on that address.",
        "Check the address and the port: clients use 8443, administrators 9443, where nothing else is said.",
        "A proxy or a login page of the network may have answered instead.",
    ),
}
