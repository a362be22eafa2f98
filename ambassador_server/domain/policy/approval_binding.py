"""What an approval of a call is bound to: the call with its arguments, and what demands the approval."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.snapshot import Snapshot

APPROVED_METHODS: Final = frozenset({"tools/call", "prompts/get", "resources/read"})
"""The methods that need an approval where a grant demands one; a completion or a subscription brings no content."""

_NOT_BOUND: Final = frozenset({"_meta", "inputResponses", "requestState"})
"""The parameters in which a retry differs from the call that it repeats."""
_LARGEST_COMPARED: Final = 64 * 1024
"""The largest parameters, in bytes, that may be written in another way when the call is repeated."""


def call_digest(method: str, capability: CapabilityRef, params: Mapping[str, bytes]) -> str:
    """Return the SHA-256, in hex, of a call as its downstream gets it.

    The order of members and whitespace make no difference. Each number counts as it is written, so that no reader can
    take another call for the same one; so does every byte of parameters that are large, or that give a name twice.
    """
    bound = {name: raw for name, raw in params.items() if name not in _NOT_BOUND}
    about = [method, capability.mcp_id, capability.kind.value, capability.name]
    digest = hashlib.sha256(json.dumps(about).encode())
    for name, raw in sorted(bound.items()):
        form, content = _canonical(raw)
        digest.update(json.dumps([name, form, len(content)]).encode())
        digest.update(content)
    return digest.hexdigest()


def basis_of(snapshot: Snapshot, permit: Permit, capability: CapabilityRef) -> str:
    """Return the SHA-256, in hex, of what demands an approval, and of what the approved call would reach.

    That is the grant with all that it says, the definition of the tool, and how the MCP is connected to.
    """
    grant, mcp = snapshot.grants_by_id.get(permit.grant_id), snapshot.mcps.get(capability.mcp_id)
    said = None
    if grant is not None:
        expires_at = None if grant.expires_at is None else grant.expires_at.timestamp()
        said = [
            *(
                grant.grant_id,
                grant.group_id,
                grant.user_id,
                grant.patterns,
                grant.resources,
                grant.prompts,
                expires_at,
            ),
            *(grant.delivery, grant.constraints, grant.approval_seconds, grant.approvers),
        ]
    connection = None if mcp is None else mcp.connection
    parts = [said, capability.digest, connection]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()


def _canonical(raw: bytes) -> tuple[str, bytes]:
    """Return the kind of form, and the form in which equal values are equal."""
    if len(raw) <= _LARGEST_COMPARED:
        try:
            value = json.loads(
                raw.decode(),
                object_pairs_hook=_unique,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_refuse,
            )
            return "canonical", _written(value).encode()
        except (ValueError, RecursionError):
            pass
    return "raw", raw


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _written(value: Any) -> str:
    match value:
        case dict():
            members = (f"{json.dumps(name)}:{_written(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case _Number():
            return str(value)
        case _:
            return json.dumps(value)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(word)
