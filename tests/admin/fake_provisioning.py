"""The routes of the fake admin API for client keys and subscriptions."""

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.client_keys import KeyChange, KeyPut, KeyRotation, NewKey
from ambassador_protocol.admin.credentials import CredentialRevocation
from ambassador_protocol.admin.enrolments import NewEnrolment
from ambassador_protocol.admin.subscriptions import SubscriptionPut
from tests.admin.fake_routes import API, Refusal, _expiry, _for, _known, _page, _page_of_user, _read
from tests.admin.fake_state import SECRET

CODE = "7KQF-3M2X-9TWD"


def provisioning_routes() -> list[web.RouteDef]:
    """Return the routes."""
    subscription = paths.SUBSCRIPTIONS + "/{key_id}/{mcp}"
    return [
        web.get(paths.KEYS, _for("read", _keys)),
        web.post(paths.KEYS, _for("provision", _issue)),
        web.put(paths.KEYS + "/{user}/{name}", _for("provision", _ensure)),
        web.patch(paths.KEYS + "/{id}", _for("provision", _change)),
        web.post(paths.KEYS + "/{id}/rotate", _for("provision", _rotate)),
        web.post(paths.KEYS + "/{id}/revoke", _for("provision", _revoke)),
        web.get(paths.ENROLMENTS, _for("read", _enrolments)),
        web.post(paths.ENROLMENTS, _for("provision", _enrol)),
        web.delete(paths.ENROLMENTS + "/{id}", _for("provision", _cancel)),
        web.get(paths.SUBSCRIPTIONS, _for("read", _subscriptions)),
        web.put(subscription, _for("provision", _subscribe)),
        web.delete(subscription, _for("provision", _unsubscribe)),
        web.get(paths.CREDENTIALS, _for("read", _credentials)),
        web.get(paths.CREDENTIALS + "/status", _for("read", _credential_states)),
        web.post(paths.CREDENTIALS + "/revoke", _for("operate", _revoke_credentials)),
    ]


async def _keys(request: web.Request) -> web.Response:
    return await _page_of_user(request, request.app[API].keys)


async def _issue(request: web.Request) -> web.Response:
    new = await _read(request, NewKey)
    meta_tools = new.meta_tools or "inherit"
    expires_at = _expiry(new.expires_in_seconds)
    return _issued(request, new.user, new.name, expires_at=expires_at, owner=new.owner, meta_tools=meta_tools)


async def _enrol(request: web.Request) -> web.Response:
    new = await _read(request, NewEnrolment)
    _known(request.app[API].users, "user", new.user)
    api = request.app[API]
    promised = api.add_enrolment(
        f"enrolment-{len(api.enrolments) + 1}",
        user=new.user,
        name=new.name,
        expires_at=_expiry(new.expires_in_seconds),
        key_expires_in_seconds=new.key_expires_in_seconds,
    )
    enrolment = {
        name: promised[name] for name in ("id", "user", "name", "expires_at", "key_expires_in_seconds")
    }
    return web.json_response({**enrolment, "code": CODE}, status=201)


async def _enrolments(request: web.Request) -> web.Response:
    return await _page_of_user(request, request.app[API].enrolments)


async def _cancel(request: web.Request) -> web.Response:
    enrolments = request.app[API].enrolments
    del enrolments[_known(enrolments, "enrolment", request.match_info["id"])["id"]]
    return web.Response(status=204)


async def _ensure(request: web.Request) -> web.Response:
    body, api = await _read(request, KeyPut), request.app[API]
    user, name = request.match_info["user"], request.match_info["name"]
    for key in api.keys.values():
        if (key["user"], key["name"], key["status"]) == (user, name, "active"):
            key["owner"] = body.owner or key["owner"]
            key["meta_tools"] = body.meta_tools or key["meta_tools"]
            return web.json_response({"key": key, "preshared_key": None})
    meta_tools = body.meta_tools or "inherit"
    expires_at = _expiry(body.expires_in_seconds)
    return _issued(request, user, name, expires_at=expires_at, owner=body.owner, meta_tools=meta_tools)


async def _change(request: web.Request) -> web.Response:
    body = await _read(request, KeyChange)
    key = _known(request.app[API].keys, "key", request.match_info["id"])
    if key["status"] == "revoked":
        raise Refusal(409, "This key is revoked for good; issue another one")
    key["status"] = body.status or key["status"]
    key["meta_tools"] = body.meta_tools or key["meta_tools"]
    return web.json_response(key)


async def _rotate(request: web.Request) -> web.Response:
    body, api = await _read(request, KeyRotation), request.app[API]
    old = _known(api.keys, "key", request.match_info["id"])
    old["expires_at"] = _expiry(body.overlap_seconds)
    return _issued(request, old["user"], old["name"], owner=old["owner"])


async def _revoke(request: web.Request) -> web.Response:
    key = _known(request.app[API].keys, "key", request.match_info["id"])
    if key["status"] == "revoked":
        raise Refusal(409, "This key is revoked already")
    key["status"] = "revoked"
    return web.json_response(key)


def _issued(request: web.Request, user: str, name: str, **members: str | None) -> web.Response:
    api = request.app[API]
    _known(api.users, "user", user)
    key = api.add_key(f"key-{len(api.keys) + 1}", user=user, name=name, **members)
    return web.json_response({"key": key, "preshared_key": SECRET}, status=201)


async def _subscriptions(request: web.Request) -> web.Response:
    return await _page(request, request.app[API].subscriptions)


async def _subscribe(request: web.Request) -> web.Response:
    body, api = await _read(request, SubscriptionPut), request.app[API]
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    _known(api.keys, "key", key_id)
    _known(api.mcps, "MCP", mcp)
    new = f"{key_id}/{mcp}" not in api.subscriptions
    others = {"resources": body.resources, "prompts": body.prompts}
    return web.json_response(
        api.add_subscription(key_id, mcp, *(body.tools or []), **others), status=201 if new else 200
    )


async def _unsubscribe(request: web.Request) -> web.Response:
    subscriptions = request.app[API].subscriptions
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    if f"{key_id}/{mcp}" not in subscriptions:
        raise Refusal(404, f"Key {key_id!r} has no subscription to {mcp!r}")
    del subscriptions[f"{key_id}/{mcp}"]
    return web.Response(status=204)


async def _credentials(request: web.Request) -> web.Response:
    return await _page(request, {each["id"]: each for each in request.app[API].given})


async def _credential_states(request: web.Request) -> web.Response:
    given = request.app[API].given
    state = {
        "mcp": "git",
        "fields": ["token"],
        "shared": [],
        "needs_connect": False,
        "users": 2,
        "complete": len(given),
        "missing": 2 - len(given),
        "dead": 0,
        "waiting": ["bob", "carol"][: 2 - len(given)],
    }
    return web.json_response({"items": [state], "next_cursor": None, "total": 1})


async def _revoke_credentials(request: web.Request) -> web.Response:
    body, api = await _read(request, CredentialRevocation), request.app[API]
    found = [
        each for each in api.given if body.user in (each["user"], None) and body.mcp in (each["mcp"], None)
    ]
    if not found:
        raise Refusal(404, "There is no such credential")
    api.given = [each for each in api.given if each not in found]
    return web.json_response({"revoked": found})
