"""`/scim/v2`: users and groups, described by an identity provider with a key of the role `scim`."""

import msgspec
from aiohttp import web
from scim2_models import PayloadTooLargeException, SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse
from scim2_server.routing import Operation, Target

from ambassador_protocol.nesting import is_too_deep
from ambassador_protocol.paths import SCIM
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.scim_resources import ScimKind
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import AmbassadorError, ConflictError, InvalidInputError, RateLimitedError
from ambassador_server.services.administration.described_members import MemberChanges
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.scim.handler import SHORT_BYTES, ProvisioningHandler
from ambassador_server.web.admin.scim.members import (
    members_of_patch,
    members_of_resource,
    put_all_members,
    wants_members,
)
from ambassador_server.web.admin.scim.protocol import SERVICE
from ambassador_server.web.admin.scim.storage import ProvisioningStorage
from ambassador_server.web.admin.scim.threads import READING
from ambassador_server.web.app_keys import ADMINISTRATOR, ORIGIN
from ambassador_server.web.bodies import read_body
from ambassador_server.web.middleware.authenticate import check_administered
from ambassador_server.web.middleware.errors import status_of

_MOST_BODY_BYTES = 2 * 1024 * 1024
_MOST_BYTES_WITHOUT_MEMBERS = 128 * 1024
_READING = frozenset({"GET", "HEAD"})
_CHANGING = frozenset({Operation.create, Operation.replace, Operation.patch, Operation.delete})
_READ_MEMBERS = {
    Operation.create: members_of_resource,
    Operation.replace: members_of_resource,
    Operation.patch: members_of_patch,
}


async def answer(request: web.Request) -> web.Response:
    """Answer a SCIM request; errors have the form of SCIM, which providers show to their administrators."""
    try:
        await check_administered(request, Right.SCIM)
        return _response(await _answer(request))
    except SCIMException as error:
        return _response(SERVICE.error_response(error))
    except AmbassadorError as error:
        return _refusal(status_of(error), error.message, error)


async def _answer(request: web.Request) -> ScimResponse:
    body = b"" if request.method in _READING else await read_body(request, limit=_MOST_BODY_BYTES)
    if is_too_deep(body):
        raise InvalidInputError("The body is nested too deeply")
    path = f"/{request.match_info['path']}"
    target = SERVICE.match(ScimRequest(method=request.method, base_url=SCIM, path=path))
    changes, body = await _members(target, body)
    if len(body) > _MOST_BYTES_WITHOUT_MEMBERS:
        raise PayloadTooLargeException(
            detail=f"A body has at most {_MOST_BYTES_WITHOUT_MEMBERS:,} bytes without the members of a group"
        )
    attributes, excluded = (request.query.get(each) for each in ("attributes", "excludedAttributes"))
    storage = ProvisioningStorage(
        request.app[ADMINISTRATION].provisioning,
        Requester(request[ADMINISTRATOR], request[ORIGIN]),
        writes=target.operation in _CHANGING,
        changes=changes,
        # A PATCH without these is answered without a body.
        shows_members=(request.method != "PATCH" or attributes is not None or excluded is not None)
        and wants_members(_listed(attributes), _listed(excluded)),
    )
    asked = ScimRequest(
        method=request.method,
        base_url=f"{request.scheme}://{request.host}{SCIM}",
        path=path,
        query=dict(request.query),
        headers=[(name, value) for name, value in request.headers.items()],
        body=body,
    )
    answered = await ProvisioningHandler(storage).handle(asked)
    put_all_members(answered.body, storage.members, asked.base_url)
    return answered


async def _members(target: Target, body: bytes) -> tuple[MemberChanges | None, bytes]:
    """Take the changes of members out of the body of a request, if the library finds a group at its path."""
    read = _READ_MEMBERS.get(target.operation)
    if read is None or SERVICE.resource_type_at(target.endpoint or "").name != ScimKind.GROUP:
        return None, body
    return await off_loop(read, body, thread=READING) if len(body) > SHORT_BYTES else read(body)


def _listed(names: str | None) -> list[str]:
    return [each.strip() for each in (names or "").split(",") if each.strip()]


def _response(answered: ScimResponse) -> web.Response:
    body = None if answered.body is None else msgspec.json.encode(answered.body)
    headers = (
        answered.headers
        if body is not None
        else {name: value for name, value in answered.headers.items() if name != "Content-Type"}
    )
    return web.Response(status=answered.status, body=body, headers=headers)


def _refusal(status: int, detail: str, error: AmbassadorError) -> web.Response:
    kind = {InvalidInputError: "invalidValue", ConflictError: "uniqueness"}.get(type(error))
    document = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": detail,
        **({} if kind is None else {"scimType": kind}),
    }
    headers = {"Content-Type": SCIM_MEDIA_TYPE}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after)
    return web.Response(status=status, body=msgspec.json.encode(document), headers=headers)
