"""The meaning and the remedies of every error code, in words for administrators."""

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


EXPLANATIONS: Final[Mapping[ProblemCode, Explanation]] = {
    ProblemCode.INTERNAL: _explain(
        "The program that reports it has a defect.",
        "Run the command once more.",
        "Report it with the request id and the server's log at that time.",
    ),
    ProblemCode.BAD_REQUEST: _explain(
        "The command line or the request is invalid; the message names the part.",
        "Read the --help of the command.",
        "Compare the versions of this program and the server: `ambassador-admin status`.",
    ),
    ProblemCode.NOT_FOUND: _explain(
        "No object has that name or id.",
        "List the objects; names are case-sensitive.",
        "If nothing is found at all, check the server's address: `ambassador-admin config view`.",
    ),
    ProblemCode.METHOD_NOT_ALLOWED: _explain(
        "The address exists, but does not take this HTTP method.",
        "Compare the versions of this program and the server: `ambassador-admin status`.",
        "Check whether a proxy between you and the server changes requests.",
    ),
    ProblemCode.TOO_LARGE: _explain(
        "A request or an answer is larger than its limit.",
        "Send or ask for less at once.",
        "Raise limits.body_bytes in the server's configuration.",
    ),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: _explain(
        "The body of the request is not application/json.",
        "Compare the versions of this program and the server: `ambassador-admin status`.",
    ),
    ProblemCode.CONFLICT: _explain(
        "An object with that name exists, or the object's state does not allow the change.",
        "Show the object; the message names the conflict.",
    ),
    ProblemCode.FORBIDDEN_ORIGIN: _explain(
        "The request names a host that the server does not accept, or comes from a web page of another origin.",
        "Use the host name that the server was configured with.",
        "Add the host name to the server's allowed hosts.",
    ),
    ProblemCode.NOT_READY: _explain(
        "The server runs, but cannot serve calls yet; most often it has no database.",
        "Try again in a moment.",
        "Find the condition that fails: `ambassador-admin server health`.",
    ),
    ProblemCode.OVERLOADED: _explain(
        "The server has more requests than it can take at the moment.",
        "Try again in a moment, with fewer requests at once.",
    ),
    ProblemCode.CHANGED_MEANWHILE: _explain(
        "The object was changed after you read it; nothing was changed by this request.",
        "Read the object again, then repeat the change.",
    ),
    ProblemCode.HOST_FILE: _explain(
        "The client cannot read or change the configuration file of an AI application, and has left it unchanged.",
        "The user corrects the file, or adds the client by hand: `ambassador-client hosts print NAME`.",
    ),
    ProblemCode.INVALID_CREDENTIALS: _explain(
        "The key, password or one-time code is wrong, expired, revoked or used, or its user is not active.",
        "Log in again: `ambassador-admin login URL`.",
        "For a user, look at the key: `ambassador-admin key list --user USER`.",
    ),
    ProblemCode.SESSION_INVALID: _explain(
        "The session has ended, or the request has no valid key or token.",
        "Log in again: `ambassador-admin login URL`.",
        "A client opens a new session by itself when its key is valid: `ambassador-admin key list --user USER`.",
    ),
    ProblemCode.RATE_LIMITED: _explain(
        "There were too many attempts in a short time, most often with wrong keys or passwords from one address.",
        "Wait as long as the message says.",
        "Find the program that still uses an old key: `ambassador-admin audit query outcome=denied since=10m`.",
    ),
    ProblemCode.DENIED: _explain(
        "A grant, a kill switch or the state of a user, key or MCP does not allow the call.",
        "Show the rule that decides: `ambassador-admin access explain USER TOOL`.",
    ),
    ProblemCode.MISSING_RIGHT: _explain(
        "Your roles do not include the right that the request needs.",
        "Show your roles: `ambassador-admin whoami`.",
        "Ask an administrator with the role admin.",
    ),
    ProblemCode.CASES_FAILED: _explain(
        "Some access cases did not have the result that the file expects.",
        "Look at the cases that failed; correct the grants or the file.",
    ),
    ProblemCode.INCOMPLETE: _explain(
        "Some of the changes were made, the others were not.",
        "The output names the missing ones; run the command again to make them.",
    ),
    ProblemCode.DOWNSTREAM_UNAVAILABLE: _explain(
        "The server cannot reach the downstream MCP server of the tool.",
        "Try again in a moment; the server reconnects by itself.",
        "Show the MCP's state and last error: `ambassador-admin mcp show NAME`.",
    ),
    ProblemCode.DOWNSTREAM_TIMEOUT: _explain(
        "The downstream MCP server did not answer before the deadline; the call may have run.",
        "Check whether the call had an effect before it is repeated.",
        "Give the MCP a longer deadline: `ambassador-admin mcp update NAME --timeout SECONDS`.",
    ),
    ProblemCode.AUDIT_UNAVAILABLE: _explain(
        "The server cannot write to the audit log, so it refuses the request.",
        "Check the free space and the owner of the audit directory.",
    ),
    ProblemCode.POLICY_STALE: _explain(
        "The server cannot confirm with the database that its policy is current, so it denies every call.",
        "Try again in a moment.",
        "Check the database: `ambassador-admin server health`.",
    ),
    ProblemCode.AUDIT_BROKEN: _explain(
        "The audit log was altered: a record is missing, changed or added.",
        "Keep a copy of the log, then find out who had access to the files.",
    ),
    ProblemCode.TOOL_FAILED: _explain(
        "The call was permitted and ran, and the tool reported an error.",
        "Read the tool's answer; correct the arguments, or ask the operator of the tool.",
    ),
    ProblemCode.UNREACHABLE: _explain(
        "There is no connection to the server, or the connection broke.",
        "Check the address: `ambassador-admin config view --show-origin`.",
        "Check that ambassador-server runs and that the network lets you reach it.",
        "Behind a corporate proxy set HTTPS_PROXY, and NO_PROXY for hosts inside the network.",
    ),
    ProblemCode.UNTRUSTED_CERTIFICATE: _explain(
        "This machine does not trust the server's certificate, so nothing was sent.",
        "Log in with the fingerprint that the server printed: `ambassador-admin login URL --fingerprint SHA256`.",
        "Or name the CA certificate: `ambassador-admin login URL --ca FILE`.",
        "Check the clock of this machine: with a wrong time, valid certificates are refused.",
    ),
    ProblemCode.INVALID_SETTINGS: _explain(
        "An option, an environment variable or a file has an invalid value.",
        "Correct it where the message says.",
        "Show all settings and their sources: `ambassador-admin config view --show-origin`.",
    ),
    ProblemCode.NO_CREDENTIALS: _explain(
        "There is no admin key for the server.",
        "Log in: `ambassador-admin login URL`.",
        "Or set MCP_AMBASSADOR_ADMIN_KEY, preferably to file://PATH.",
        "A key in the system's keyring needs the library keyring: `pipx inject mcp-ambassador keyring`.",
    ),
    ProblemCode.BAD_ANSWER: _explain(
        "The answer does not follow the protocol; most often another program listens at that address.",
        "Check the address and the port: the admin port is 9443 by default, the client port 8443.",
        "Check whether a proxy or a login page of the network answers instead of the server.",
    ),
}
