"""Converts operations to requests of the admin API."""

from dataclasses import asdict
from typing import Any

from ambassador_admin.api.request import Request, subpath
from ambassador_admin.declarative.objects import GrantKey, ObjectKind
from ambassador_admin.declarative.operations import Action, Operation, Phase
from ambassador_protocol.admin.batch import (
    AddMember,
    ArchiveMcp,
    BatchOperation,
    PutGrant,
    PutGroup,
    PutIssuer,
    PutLimit,
    PutMcp,
    PutUser,
    RemoveGrant,
    RemoveGroup,
    RemoveIssuer,
    RemoveLimit,
    RemoveMember,
    RevokeKey,
)
from ambassador_protocol.admin.grants import GrantApproval, NewGrant
from ambassador_protocol.admin.groups import GroupPut
from ambassador_protocol.admin.issuers import IssuerPut
from ambassador_protocol.admin.limits import LimitPut
from ambassador_protocol.admin.mcps import McpPut
from ambassador_protocol.admin.users import UserPut
from ambassador_protocol.paths import BATCH, KEYS, MCPS

_CONNECTING = frozenset({"transport", "options", "isolation", "sessions", "credentials"})


def must_be_sent_alone(operation: Operation) -> bool:
    """Tell whether an operation cannot be part of a batch: it connects to an MCP, or its answer has a secret."""
    if operation.kind is ObjectKind.MCP and operation.action is Action.CHANGE:
        return operation.phase is Phase.PUBLISH or not _CONNECTING.isdisjoint(operation.after)
    return operation.phase is Phase.KEYS


def has_batch_form(operation: Operation) -> bool:
    """Tell whether a batch can have the operation, if nothing connects to an MCP, as in a dry run."""
    return operation.phase is not Phase.KEYS and not (
        operation.phase is Phase.PUBLISH and operation.kind is ObjectKind.MCP
    )


def batch_request(operations: list[Operation], *, allow_unmatched: bool) -> Request:
    """Return the request that applies the operations in one transaction.

    With `allow_unmatched`, new grants and limits may be about tools that are not known.
    """
    bodies = [_without_none(_body(each)) for each in operations]
    for body in bodies if allow_unmatched else ():
        if body["kind"] in ("put-grant", "put-limit"):
            body["set"]["allow_unmatched"] = True
    return Request(method="POST", path=BATCH, body={"operations": bodies})


def single_request(operation: Operation) -> Request:
    """Return the request of an operation that cannot be part of a batch."""
    if operation.phase is Phase.PUBLISH:
        return Request(method="POST", path=subpath(MCPS, operation.key[0], "publish"), connects=True)
    if operation.kind is ObjectKind.MCP:
        return Request(
            method="PUT",
            path=subpath(MCPS, operation.key[0]),
            body=_without_none(_body(operation))["set"],
            connects=True,
        )
    body = {
        "owner": operation.owner or "",
        "expires_in_seconds": operation.attributes.get("expires_in_seconds"),
        "meta_tools": operation.attributes.get("meta_tools"),
    }
    return Request(method="PUT", path=subpath(KEYS, *operation.key), body=_without_none(body))


def _body(operation: Operation) -> dict[str, Any]:
    body = _removal(operation) if operation.action is Action.REMOVE else _put(operation)
    return asdict(body)


def _removal(operation: Operation) -> BatchOperation:
    name = operation.key[0]
    match operation.kind:
        case ObjectKind.USER:
            return PutUser(name=name, set=UserPut(status="deactivated"))
        case ObjectKind.GROUP:
            return RemoveGroup(name=name)
        case ObjectKind.MCP:
            return ArchiveMcp(name=name)
        case ObjectKind.MEMBERSHIP:
            return RemoveMember(group=name, user=operation.key[1])
        case ObjectKind.GRANT:
            return RemoveGrant(id=operation.item_id or "")
        case ObjectKind.LIMIT:
            return RemoveLimit(name=name)
        case ObjectKind.ISSUER:
            return RemoveIssuer(name=name)
        case ObjectKind.KEY:
            return RevokeKey(id=operation.item_id or "")


def _put(operation: Operation) -> BatchOperation:
    name, attributes = operation.key[0], dict(operation.after)
    claims = operation.action is Action.CREATE or "owner" in attributes
    owner = (operation.owner or "") if claims else None
    attributes.pop("owner", None)
    match operation.kind:
        case ObjectKind.USER:
            return PutUser(name=name, set=UserPut(**attributes, owner=owner))
        case ObjectKind.GROUP:
            return PutGroup(name=name, set=GroupPut(**attributes, owner=owner))
        case ObjectKind.MCP if attributes.get("published") is False:
            return ArchiveMcp(name=name)
        case ObjectKind.MCP:
            return PutMcp(name=name, set=McpPut(**attributes, owner=owner))
        case ObjectKind.ISSUER:
            return PutIssuer(name=name, set=IssuerPut(**operation.attributes, owner=owner))
        case ObjectKind.LIMIT:
            return PutLimit(name=name, set=LimitPut(**operation.attributes, owner=owner))
        case ObjectKind.MEMBERSHIP:
            claim = operation.action is Action.CHANGE
            return AddMember(group=name, user=operation.key[1], owner=owner, claim=claim)
        case _:
            return PutGrant(set=_grant(operation, owner))


def _grant(operation: Operation, owner: str | None) -> NewGrant:
    grant = GrantKey.of(operation.key)
    return NewGrant(
        group=grant.group,
        mcp=grant.mcp,
        tools=list(grant.tools),
        resources=None if grant.resources is None else list(grant.resources),
        prompts=None if grant.prompts is None else list(grant.prompts),
        effect=grant.effect,
        delivery=grant.delivery,
        expires_at=operation.attributes["expires_at"],
        owner=owner,
        # Absent values would leave the constraints and the approval as they are.
        constraints=operation.attributes.get("constraints") or {},
        approval=_approval(operation.attributes.get("approval")),
    )


def _approval(demanded: dict[str, Any] | None) -> GrantApproval:
    return GrantApproval(required=False) if demanded is None else GrantApproval(**demanded)


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if name == "set" else value
        for name, value in body.items()
        if value is not None
    }
