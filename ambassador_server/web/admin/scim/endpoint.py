"""`/scim/v2`: users and groups, described by an identity provider with a key of the role `scim`."""

import msgspec
from aiohttp import web
from scim2_models import SCIMException
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse

from ambassador_protocol.nesting import is_too_deep
from ambassador_protocol.paths import SCIM
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import AmbassadorError, ConflictError, InvalidInputError
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.scim.protocol import SERVICE
from ambassador_server.web.admin.scim.storage import ProvisioningStorage
from ambassador_server.web.app_keys import ADMINISTRATOR, ORIGIN
from ambassador_server.web.bodies import read_body
from ambassador_server.web.middleware.authenticate import check_administered
from ambassador_server.web.middleware.errors import status_of

_MOST_BODY_BYTES = 2 * 1024 * 1024
_READING = frozenset({"GET", "HEAD"})


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
    storage = ProvisioningStorage(
        request.app[ADMINISTRATION].provisioning,
        Requester(request[ADMINISTRATOR], request[ORIGIN]),
        changes=request.method not in _READING and not path.endswith("/.search"),
    )
    asked = ScimRequest(
        method=request.method,
        base_url=f"{request.scheme}://{request.host}{SCIM}",
        path=path,
        query=dict(request.query),
        headers=[(name, value) for name, value in request.headers.items()],
        body=body,
    )
    return await AsyncScimHandler(SERVICE, storage).handle(asked)


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
    return web.Response(status=status, body=msgspec.json.encode(document), headers=headers)
