"""The routes of the fake admin API for memberships and batches."""

from dataclasses import asdict
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from ambassador_protocol import paths
from ambassador_protocol.admin.batch import AddMember, Batch, PutGroup, PutUser
from tests.admin.fake_routes import API
from tests.admin.fake_state import FakeState


def batch_routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [web.get(paths.MEMBERSHIPS, _memberships), web.post(paths.BATCH, _batch)]


async def _memberships(request: web.Request) -> web.Response:
    rows = [
        {"group": name, "user": user, "owner": None}
        for name, group in request.app[API].groups.items()
        for user in group["members"]
    ]
    return web.json_response({"items": rows, "next_cursor": None, "total": len(rows)})


async def _batch(request: web.Request) -> web.Response:
    body = TypeAdapter(Batch).validate_json(await request.read())
    for operation in body.operations:
        _carry_out(request.app[API], operation)
    return web.json_response({"done": len(body.operations)})


def _carry_out(api: FakeState, operation: Any) -> None:
    match operation:
        case PutUser(name=name):
            if name not in api.users:
                api.add_user(name)
            api.users[name] |= _said(operation.set)
        case PutGroup(name=name):
            if name not in api.groups:
                api.add_group(name)
            api.groups[name] |= _said(operation.set)
        case AddMember(group=group, user=user):
            api.groups[group]["members"].append(user)
        case _:
            raise NotImplementedError(operation)


def _said(facts: Any) -> dict[str, Any]:
    return {name: value or None for name, value in asdict(facts).items() if value is not None}
