"""The meaning and the remedies of every error code, in words for the users of the client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ambassador_protocol.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of an error code and its remedies, the most likely one first."""

    meaning: str
    remedies: tuple[str, ...]


def _explain(meaning: str, *remedies: str) -> Explanation:
    return Explanation(meaning, remedies)


_COMPARE_VERSIONS = "Compare the versions of client and server: `ambassador-client status`."

EXPLANATIONS: Final[Mapping[ProblemCode, Explanation]] = {
    ProblemCode.INTERNAL: _explain(
        "The program that reports it has a defect.",
        "Try once more.",
        "Report it with the request id and the output of `ambassador-client bugreport`.",
    ),
    ProblemCode.BAD_REQUEST: _explain(
        "The command line or the request is invalid; the message names the part.",
        "Read the --help of the command.",
        _COMPARE_VERSIONS,
    ),
    ProblemCode.NOT_FOUND: _explain(
        "Nothing has that name, or you may not know of it.",
        "List what there is; names are case-sensitive.",
        "If nothing is found at all, check the server's address: `ambassador-client status`.",
    ),
    ProblemCode.METHOD_NOT_ALLOWED: _explain(
        "The address exists, but does not take this HTTP method.",
        _COMPARE_VERSIONS,
        "Check whether a proxy between you and the server changes requests.",
    ),
    ProblemCode.TOO_LARGE: _explain(
        "A request or an answer is larger than its limit.",
        "Send or ask for less at once.",
        "Ask your administrator to raise limits.body_bytes of the server.",
    ),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: _explain(
        "The body of the request is not application/json.", _COMPARE_VERSIONS
    ),
    ProblemCode.CONFLICT: _explain(
        "Something with that name exists, or its state does not allow the change.",
        "Look at it first; the message names the conflict.",
    ),
    ProblemCode.FORBIDDEN_ORIGIN: _explain(
        "The request names a host that the server does not accept, or comes from a web page of another origin.",
        "Use the host name that the server was configured with.",
        "Ask your administrator to add the name to the server's allowed hosts.",
    ),
    ProblemCode.NOT_READY: _explain(
        "The server runs, but cannot serve calls yet.",
        "Try again in a moment.",
        "If it lasts, tell your administrator.",
    ),
    ProblemCode.OVERLOADED: _explain(
        "The server, or the client on this machine, has more requests than it can take at the moment.",
        "Try again in a moment, with fewer requests at once.",
    ),
    ProblemCode.CHANGED_MEANWHILE: _explain(
        "The object was changed after it was read; nothing was changed by this request.",
        "Look again, then repeat the change.",
    ),
    ProblemCode.HOST_FILE: _explain(
        "The client cannot read or change the configuration file of an AI application, and has left it unchanged.",
        "Correct the file, or add the client by hand: `ambassador-client hosts print NAME`.",
    ),
    ProblemCode.INVALID_CREDENTIALS: _explain(
        "The key or one-time code is wrong, expired, revoked or used, or your user is not active.",
        "Log in again: `ambassador-client login URL`.",
        "Ask your administrator for a new key or code.",
    ),
    ProblemCode.SESSION_INVALID: _explain(
        "The session has ended, or the request has no valid key or token.",
        "Restart the application; the client opens a new session by itself.",
        "Check whether the key is still accepted: `ambassador-client status`.",
    ),
    ProblemCode.RATE_LIMITED: _explain(
        "There were too many attempts in a short time, most often with wrong keys or codes from your address.",
        "Wait as long as the message says.",
        "Find the client that still uses an old key.",
    ),
    ProblemCode.DENIED: _explain(
        "A rule or a kill switch of an administrator does not allow this.",
        "The message has the reason; ask your administrator.",
    ),
    ProblemCode.MISSING_RIGHT: _explain(
        "The roles of the administrator do not include the right that the request needs.",
        "Ask an administrator with the role admin.",
    ),
    ProblemCode.CASES_FAILED: _explain(
        "Some access cases that an administrator checked did not have the expected result.",
        "Ask your administrator.",
    ),
    ProblemCode.INCOMPLETE: _explain(
        "Some of the changes were made, the others were not.",
        "The output names the missing ones; run the command again to make them.",
    ),
    ProblemCode.DOWNSTREAM_UNAVAILABLE: _explain(
        "The server cannot reach the MCP server of the tool.",
        "Try again in a moment; the server reconnects by itself.",
        "If it lasts, tell your administrator.",
    ),
    ProblemCode.DOWNSTREAM_TIMEOUT: _explain(
        "The MCP server of the tool did not answer before the deadline; the call may have run.",
        "Check whether the call had an effect before you repeat it.",
        "Ask your administrator to give the MCP a longer deadline.",
    ),
    ProblemCode.AUDIT_UNAVAILABLE: _explain(
        "The server cannot write to its audit log, so it refuses the request.", "Tell your administrator."
    ),
    ProblemCode.POLICY_STALE: _explain(
        "The server cannot confirm that its policy is current, so it denies every call.",
        "Try again in a moment.",
        "If it lasts, tell your administrator.",
    ),
    ProblemCode.AUDIT_BROKEN: _explain(
        "The audit log of the server was altered: a record is missing, changed or added.",
        "Tell your administrator.",
    ),
    ProblemCode.TOOL_FAILED: _explain(
        "The call was permitted and ran, and the tool reported an error.",
        "Read the tool's answer; correct the arguments, or ask the operator of the tool.",
    ),
    ProblemCode.UNREACHABLE: _explain(
        "There is no connection to the server, or the connection broke.",
        "Check the address and the network: `ambassador-client doctor`.",
        "Behind a corporate proxy set HTTPS_PROXY, and NO_PROXY for hosts inside the network.",
        "Ask your administrator whether the server runs.",
    ),
    ProblemCode.UNTRUSTED_CERTIFICATE: _explain(
        "This machine does not trust the server's certificate, so nothing was sent.",
        "Log in with the fingerprint that the server printed: `ambassador-client login URL --fingerprint SHA256`.",
        "Or name the CA certificate: `ambassador-client login URL --ca-file FILE`.",
        "Check the clock of this machine: with a wrong time, valid certificates are refused.",
    ),
    ProblemCode.INVALID_SETTINGS: _explain(
        "An option, an environment variable or a file has an invalid value.",
        "Correct it where the message says.",
        "Check all settings: `ambassador-client doctor`.",
    ),
    ProblemCode.NO_CREDENTIALS: _explain(
        "There is no key for the server.",
        "Log in: `ambassador-client login URL`.",
        "Or set MCP_AMBASSADOR_PRESHARED_KEY, preferably to file://PATH.",
        "A key in the system's keyring needs the library keyring: `pipx inject mcp-ambassador keyring`.",
    ),
    ProblemCode.BAD_ANSWER: _explain(
        "The answer does not follow the protocol; most often another program listens at that address.",
        "Check the address and the port: the client port is 8443 by default, the admin port 9443.",
        "Check whether a proxy or a login page of the network answers instead of the server.",
    ),
}
