"""`/v1/admin/batch`: parses the operations and runs them as one change."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from aiohttp import web
from annotated_types import Len
from pydantic import Discriminator

from ambassador_protocol.admin.batch import (
    MAX_OPERATIONS,
    AddMember,
    ArchiveMcp,
    BatchDone,
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
from ambassador_protocol.admin.strict import STRICT
from ambassador_protocol.paths import BATCH
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError, OperationFailedError
from ambassador_server.services.administration.grants import Grants
from ambassador_server.services.administration.groups import Groups
from ambassador_server.services.administration.issuers import Issuers
from ambassador_server.services.administration.limits import Limits
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.changes.batch import Step
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.web.admin.app_keys import ADMINISTRATION, REGISTRY
from ambassador_server.web.admin.grants import grant_spec
from ambassador_server.web.admin.groups import group_spec
from ambassador_server.web.admin.issuers import issuer_spec
from ambassador_server.web.admin.limits import limit_spec
from ambassador_server.web.admin.mcps import mcp_spec
from ambassador_server.web.admin.users import user_spec
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.requests import requester


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBody:
    """The body of `POST /v1/admin/batch`; `kind` is the type of each operation."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    operations: Annotated[
        list[Annotated[BatchOperation, Discriminator("kind")]], Len(min_length=1, max_length=MAX_OPERATIONS)
    ]


async def run(request: web.Request, body: BatchBody) -> web.Response:
    """Run a batch of operations; if one fails, none is applied.

    Each operation needs the same right as when it is sent alone.
    """
    administration, mcps = request.app[ADMINISTRATION], request.app[REGISTRY].mcps
    steps = _steps(administration, mcps, body.operations)
    warnings = await administration.batches.run(requester(request), list(steps))
    return json_response(BatchDone(done=len(body.operations), warnings=warnings))


def _steps(
    administration: AdministrationUseCases, mcps: Mcps, operations: Iterable[BatchOperation]
) -> Iterable[Step]:
    for number, operation in enumerate(operations):
        try:
            yield _step(administration, mcps, operation)
        except InvalidInputError as error:
            raise OperationFailedError(number, error) from error


Run = Callable[[Requester], Awaitable[object]]


def _step(administration: AdministrationUseCases, mcps: Mcps, operation: BatchOperation) -> Step:
    match operation:
        case PutGrant() | RemoveGrant():
            return Step(Right.MANAGE, _grant_step(administration.grants, operation))
        case PutLimit() | RemoveLimit():
            return Step(Right.MANAGE, _limit_step(administration.limits, operation))
        case PutIssuer() | RemoveIssuer():
            return Step(Right.MANAGE, _issuer_step(administration.issuers, operation))
        case PutMcp(name=name):
            if operation.set.one_time_values:
                raise InvalidInputError("one_time_values: a batch tests no connection")
            draft = mcp_spec(operation.set)
            # A test waits for the downstream, which would block the transaction.
            return Step(Right.MANAGE, lambda by: mcps.put(by, name, draft, test=False))
        case ArchiveMcp(name=name):
            return Step(Right.MANAGE, lambda by: mcps.archive(by, name))
        case RevokeKey(id=key_id):
            return Step(Right.PROVISION, lambda by: administration.client_keys.revoke(by, key_id))
        case PutUser(name=name):
            spec = user_spec(operation.set)
            return Step(Right.PROVISION, lambda by: administration.users.put(by, name, spec))
        case _:
            return Step(Right.PROVISION, _group_step(administration.groups, operation))


def _grant_step(grants: Grants, operation: PutGrant | RemoveGrant) -> Run:
    match operation:
        case PutGrant():
            spec = grant_spec(operation.set)
            return lambda by: grants.put(by, spec)
        case RemoveGrant(id=grant_id):
            return lambda by: grants.remove(by, grant_id)


def _limit_step(limits: Limits, operation: PutLimit | RemoveLimit) -> Run:
    name = operation.name
    match operation:
        case PutLimit():
            spec = limit_spec(operation.set)
            return lambda by: limits.put(by, name, spec)
        case RemoveLimit():
            return lambda by: limits.remove(by, name)


def _issuer_step(issuers: Issuers, operation: PutIssuer | RemoveIssuer) -> Run:
    name = operation.name
    match operation:
        case PutIssuer():
            spec = issuer_spec(operation.set)
            return lambda by: issuers.put(by, name, spec)
        case RemoveIssuer():
            return lambda by: issuers.remove(by, name)


def _group_step(groups: Groups, operation: PutGroup | RemoveGroup | AddMember | RemoveMember) -> Run:
    match operation:
        case PutGroup(name=name):
            spec = group_spec(operation.set)
            return lambda by: groups.put(by, name, spec)
        case RemoveGroup(name=name):
            return lambda by: groups.remove(by, name)
        case AddMember(group=group, user=user, owner=owner, claim=claim):
            return lambda by: groups.add_member(by, group, user, owner=owner, claim=claim)
        case RemoveMember(group=group, user=user):
            return lambda by: groups.remove_member(by, group, user)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [
        Endpoint(
            method="POST",
            path=BATCH,
            right=Right.READ,
            handler=run,
            body_type=BatchBody,
            response_type=BatchDone,
        )
    ]
