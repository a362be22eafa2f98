"""A request for one capability, in the words of no era and no face, and its answer."""

import json
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Reply, Tell
from ambassador_server.services.calls.catalog_index import CatalogEntry

NAME_MEMBER: Mapping[CapabilityKind, str] = {
    CapabilityKind.TOOL: "name",
    CapabilityKind.PROMPT: "name",
    CapabilityKind.RESOURCE: "uri",
}
"""The parameter that names a capability of each kind; in a reference it is a member of the reference."""

_COMMON_KEYS = {"arguments": b'"arguments"', "_meta": b'"_meta"'}


class UsedApproval(Struct, frozen=True):
    """An approval that a call has used, and the number of the round that goes on with it."""

    request_id: str
    round: int


class CapabilityCall(Struct, frozen=True, kw_only=True):
    """A request for one capability, as it came in: `method` is the protocol's, `name` is in any accepted form.

    `members` holds the raw JSON of every parameter that does not name the capability. If the capability is named by the
    parameter `ref`, `reference` holds the raw members of it; if it is not `sends_name`, no parameter names it.
    `capabilities` and what follows are those of the host, as in `NeutralRequest`. `answered` has the methods of the
    questions that a retried request brings answers to. `serve` answers what is permitted in place of the downstream,
    which then gets no request; it is given the credential of the user, if the MCP needs one. `seconds` is a deadline
    besides that of the MCP. `approval` is the one that an earlier round of the call has used.
    """

    principal: Principal
    origin: Origin
    kind: CapabilityKind
    method: str
    name: str
    members: Mapping[str, bytes]
    reference: Mapping[str, bytes] | None = None
    sends_name: bool = True
    capabilities: bytes = b"{}"
    tell: Tell | None = None
    ask: Ask | None = None
    reads_questions: bool = False
    log_level: str | None = None
    answered: tuple[str, ...] = ()
    serve: Callable[[CatalogEntry, Credential | None], Awaitable[Reply]] | None = None
    seconds: float | None = None
    approval: UsedApproval | None = None


class Answered(Struct, frozen=True):
    """The downstream's answer, byte for byte; `approval` is what the call has used, if it needed one."""

    reply: Reply
    mcp_id: str
    mcp_name: str
    seconds: float
    approval: UsedApproval | None = None


def argument_bytes(call: CapabilityCall) -> bytes:
    """Return what the audit records of the params: the arguments, or the one argument to complete."""
    return call.members.get("arguments" if call.reference is None else "argument", b"")


def downstream_params(call: CapabilityCall, encoded_name: bytes) -> bytes:
    """Put the downstream's own name in front of the untouched members."""
    parts = [_encoded_key(each) + b":" + raw for each, raw in call.members.items()]
    if call.sends_name:
        named = b'"%b":%b' % (NAME_MEMBER[call.kind].encode(), encoded_name)
        parts.insert(0, named if call.reference is None else _reference(named, call.reference, call.kind))
    return b"{" + b",".join(parts) + b"}"


def _reference(named: bytes, members: Mapping[str, bytes], kind: CapabilityKind) -> bytes:
    others = [_encoded_key(each) + b":" + raw for each, raw in members.items() if each != NAME_MEMBER[kind]]
    return b'"ref":{' + b",".join([named, *others]) + b"}"


def _encoded_key(key: str) -> bytes:
    return _COMMON_KEYS.get(key) or json.dumps(key).encode()
