"""The routes of the fake admin API for logins, passwords and admin keys."""

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.account import Login, PasswordChange
from ambassador_protocol.admin.admin_keys import NewAdminKey
from ambassador_protocol.admin.users import NewPassword
from tests.admin.fake_routes import API, RIGHTS, Refusal, _expiry, _for, _known, _page, _read, _take
from tests.admin.fake_state import AT, LOGIN_KEY, NEW_ADMIN_KEY, PASSWORD, Item

_LOGIN_ENDS = "2026-05-05T01:30:00.000Z"


def administrator_routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [
        web.get(paths.WHOAMI, _for("read", _whoami)),
        web.post(paths.LOGIN, _login),
        web.post(paths.LOGOUT, _for("read", _logout)),
        web.put(paths.OWN_PASSWORD, _for("read", _change_password)),
        web.put(paths.USERS + "/{name}/password", _for("manage", _set_password)),
        web.get(paths.ADMIN_KEYS, _for("manage", _list)),
        web.post(paths.ADMIN_KEYS, _for("manage", _issue)),
        web.post(paths.ADMIN_KEYS + "/{name}/revoke", _for("manage", _revoke)),
    ]


async def _whoami(request: web.Request) -> web.Response:
    return web.json_response(_who(request.headers["Authorization"].partition(" ")[2]))


async def _login(request: web.Request) -> web.Response:
    body, api = await _read(request, Login), request.app[API]
    if body.user not in api.users or body.password != PASSWORD:
        raise Refusal(401, "Wrong user name or password, or not an administrator")
    api.is_logged_in = True
    return web.json_response({"who": _who(LOGIN_KEY), "admin_key": LOGIN_KEY}, status=201)


async def _logout(request: web.Request) -> web.Response:
    if request.headers["Authorization"].partition(" ")[2] != LOGIN_KEY:
        raise Refusal(409, "This is an admin key, not a login.")
    request.app[API].is_logged_in = False
    return web.Response(status=204)


async def _change_password(request: web.Request) -> web.Response:
    if (await _read(request, PasswordChange)).current != PASSWORD:
        raise Refusal(401, "Wrong user name or password, or not an administrator")
    return web.Response(status=204)


async def _set_password(request: web.Request) -> web.Response:
    user = _known(request.app[API].users, "user", request.match_info["name"])
    if len((await _read(request, NewPassword)).password) < 12:
        raise Refusal(400, "A password has 12 to 1024 printable characters.")
    if not user["roles"]:
        raise Refusal(409, f"User {user['name']!r} has no role, and a password would open nothing.")
    return web.Response(status=204)


async def _list(request: web.Request) -> web.Response:
    return await _page(request, request.app[API].admin_keys)


async def _issue(request: web.Request) -> web.Response:
    new, api = await _read(request, NewAdminKey), request.app[API]
    key = admin_key(new.name, *new.roles, expires_at=_expiry(new.expires_in_seconds))
    _take(api.admin_keys, "admin key", new.name, key)
    return web.json_response({"key": key, "admin_key": NEW_ADMIN_KEY}, status=201)


async def _revoke(request: web.Request) -> web.Response:
    key = _known(request.app[API].admin_keys, "admin key", request.match_info["name"])
    if key["status"] == "revoked":
        raise Refusal(409, "This admin key is revoked already")
    key |= {"status": "revoked", "revoked_at": "2026-05-04T13:30:00.000Z"}
    return web.json_response(key)


def admin_key(name: str, *roles: str, **members: object) -> Item:
    """Return an admin key as the API shows it."""
    return {
        "name": name,
        "kind": "key",
        "user": None,
        "roles": list(roles),
        "prefix": NEW_ADMIN_KEY[7:15],
        "status": "active",
        "created_by": "ops",
        "created_at": AT,
        "expires_at": None,
        "revoked_at": None,
    } | members


def _who(key: str) -> Item:
    name, roles, _ = RIGHTS[key]
    is_login = key == LOGIN_KEY
    return {
        "name": name,
        "kind": "login" if is_login else "key",
        "user": name if is_login else None,
        "roles": roles,
        "expires_at": _LOGIN_ENDS if is_login else None,
        "server_version": "9.9.9",
    }
