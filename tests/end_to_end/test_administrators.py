"""Users log in as administrators with the rights of their roles; no response contains a stored secret."""

import base64
import re
import sqlite3
from contextlib import closing
from typing import Any

import httpx
import pytest

from ambassador_protocol.paths import METRICS, OPENAPI
from ambassador_server.web.admin.routes import admin_endpoints
from tests.end_to_end.world import World
from tests.patience import PATIENCE

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"


def send(world: World, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"X-Admin-Key": key}
    return httpx.request(
        method,
        f"{world.rig.admin_url}/v1/admin/{path}",
        json=body,
        headers=headers,
        timeout=PATIENCE,
        trust_env=False,
    )


def create_administrator(world: World, *roles: str, password: str = PASSWORD) -> str:
    """Create an administrator and return the name."""
    name = world.fresh("officer")
    world.ask("PUT", f"users/{name}", {"roles": list(roles)})
    world.ask("PUT", f"users/{name}/password", {"password": password})
    return name


def log_in(world: World, name: str, password: str = PASSWORD) -> str:
    """Open a login and return its key."""
    answer = send(world, "POST", "login", {"user": name, "password": password})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["admin_key"])


def test_login_administers_with_the_roles_of_its_user_until_logout(world: World) -> None:
    name = create_administrator(world, "operator")
    key = log_in(world, name)
    who = send(world, "GET", "whoami", key=key).json()
    assert (who["name"], who["user"], who["kind"], who["roles"]) == (name, name, "login", ["operator"])
    assert who["expires_at"]
    assert send(world, "POST", "groups", {"name": world.fresh("group")}, key).status_code == 403
    world.ask("PATCH", f"users/{name}", {"roles": ["provisioner"]})
    assert send(world, "POST", "groups", {"name": world.fresh("group")}, key).status_code == 201
    assert world.events(action="admin:group:create")[0]["actor"]["name"] == name
    assert send(world, "POST", "logout", key=key).status_code == 204
    assert send(world, "GET", "whoami", key=key).status_code == 401
    actions = [event["action"] for event in world.events(actor=name)]
    assert {"session:admin:open", "session:admin:close"} <= set(actions)


@pytest.mark.parametrize("end", ["suspended", "no roles", "new password", "revoked"])
def test_login_ends_at_once(world: World, end: str) -> None:
    name = create_administrator(world, "operator")
    key = log_in(world, name)
    if end == "revoked":
        keys = world.ask("GET", "admin-keys?filter=user%3D" + name)["items"]
        world.ask("POST", f"admin-keys/{keys[0]['name']}/revoke")
    elif end == "new password":
        world.ask("PUT", f"users/{name}/password", {"password": "another good password"})
    else:
        world.ask("PATCH", f"users/{name}", {"status": "suspended"} if end == "suspended" else {"roles": []})
    assert send(world, "GET", "whoami", key=key).status_code == 401


def test_administrators_change_their_own_password(world: World) -> None:
    name = create_administrator(world, "auditor")
    key, other = log_in(world, name), log_in(world, name)
    body = {"current": WRONG, "password": "another good password"}
    assert send(world, "PUT", "password", body, key).status_code == 401
    body["current"] = PASSWORD
    assert send(world, "PUT", "password", body, world.rig.facts["admin_key"]).status_code == 409
    assert send(world, "PUT", "password", body, key).status_code == 204
    assert send(world, "GET", "whoami", key=key).status_code == 200
    assert send(world, "GET", "whoami", key=other).status_code == 401
    log_in(world, name, "another good password")


def test_every_refused_login_looks_the_same(world: World) -> None:
    known, plain = create_administrator(world, "admin"), world.person().name
    away = create_administrator(world, "operator")
    world.ask("PATCH", f"users/{away}", {"status": "suspended"})
    bodies = [
        {"user": known, "password": WRONG},
        {"user": "nobody-here", "password": PASSWORD},
        {"user": plain, "password": PASSWORD},
        {"user": away, "password": PASSWORD},
    ]
    answers = [send(world, "POST", "login", body) for body in bodies]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["message"] for answer in answers}) == 1
    assert {answer.json()["code"] for answer in answers} == {"AMB-2001"}


def test_login_body_is_limited_and_validated(world: World) -> None:
    answer = send(world, "POST", "login", {"user": "x", "password": "x" * 20_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "AMB-1004")
    for body in (
        {},
        {"user": "x"},
        {"user": 1, "password": PASSWORD},
        {"user": "a b", "password": PASSWORD},
        [],
    ):
        answer = send(world, "POST", "login", body)
        assert (answer.status_code, PASSWORD in answer.text) == (400, False)


def test_administrators_cannot_give_rights_that_they_lack(world: World) -> None:
    boss, clerk = create_administrator(world, "admin"), create_administrator(world, "provisioner")
    key, name = log_in(world, clerk), world.fresh("mallory")
    refused = [
        send(world, "POST", "users", {"name": name, "roles": ["admin"]}, key),
        send(world, "PATCH", f"users/{clerk}", {"roles": ["admin"]}, key),
        send(world, "PATCH", f"users/{boss}", {"email": "mallory@example.com"}, key),
        send(world, "PUT", f"users/{boss}/password", {"password": WRONG}, key),
        send(world, "POST", "admin-keys", {"name": name, "roles": ["admin"]}, key),
        send(world, "GET", "admin-keys", key=key),
    ]
    boss_key = log_in(world, boss)
    refused += [
        send(world, "PATCH", f"users/{clerk}", {"roles": ["auditor"]}, boss_key),
        send(world, "POST", "admin-keys", {"name": name, "roles": ["auditor"]}, boss_key),
        send(world, "GET", "audit/events", key=boss_key),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert {event["reason"] for event in world.events(action="session:admin:refuse", actor=clerk)} == {
        "user_has_roles",
        "missing_right:manage",
    }


def test_administrators_cannot_remove_their_own_access(world: World) -> None:
    boss = create_administrator(world, "admin")
    key = log_in(world, boss)
    for body in ({"status": "suspended"}, {"roles": ["operator"]}, {"roles": []}, {"source": "external"}):
        answer = send(world, "PATCH", f"users/{boss}", body, key)
        assert (answer.status_code, answer.json()["code"]) == (409, "AMB-1006")
        assert answer.json()["hint"]
    first = world.ask("GET", "whoami")["name"]
    assert world.admin.post(f"/v1/admin/admin-keys/{first}/revoke").status_code == 409


def test_admin_key_has_the_rights_of_its_roles_until_revoked(world: World) -> None:
    name = world.fresh("ci")
    body = {"name": name, "roles": ["provisioner"], "expires_in_seconds": 3600}
    issued = world.ask("POST", "admin-keys", body)
    secret = issued["admin_key"]
    assert issued["key"].items() >= {"name": name, "kind": "key", "roles": ["provisioner"]}.items()
    assert send(world, "POST", "users", {"name": world.fresh("user")}, secret).status_code == 201
    assert send(world, "POST", "logout", key=secret).status_code == 409
    assert send(world, "POST", "admin-keys", body, world.rig.facts["admin_key"]).status_code == 409
    assert world.ask("POST", f"admin-keys/{name}/revoke")["status"] == "revoked"
    assert send(world, "GET", "whoami", key=secret).status_code == 401


QUERIES = {
    "/v1/admin/access/explain": "?user={user}&tool=tools.echo",
    "/v1/admin/access/tools": "?user={user}",
    "/v1/admin/access/resources": "?user={user}",
    "/v1/admin/access/prompts": "?user={user}",
    "/v1/admin/access/who-can": "?tool=tools.echo",
    "/v1/admin/access/claims": "?tool=tools.echo",
    "/v1/admin/kill-switches": "?all=true",
    "/v1/admin/audit/events": "?limit=1000",
}
"""The required query of a route."""
UNASKED = {"/v1/admin/audit/stream", OPENAPI, METRICS}
"""Routes that are not read: an endless stream of what `audit/events` lists, the OpenAPI document, and the metrics."""
SECRET = re.compile(r"argon2|amb_(ak|pk|st)_[A-Za-z0-9_-]{20}|\"(hash|salt|token|password|pepper)\"")
DIGEST = re.compile(r"\"digest\"")


def test_no_response_contains_a_hash_a_digest_or_a_secret(world: World) -> None:
    """Read every route; no response may contain a planted secret or text that looks like a credential."""
    name = create_administrator(world, "admin", "auditor")
    login, person = log_in(world, name), world.person()
    session = world.session(person)
    wanted = {"access": "nothing", "reason": "a test", "for_seconds": 60}
    token = {"X-Session-Token": session.secret}
    assert world.http.post("/v1/me/requests", headers=token, json=wanted).is_success
    world.ask("POST", "kill-switches", {"scope": "user", "target": name, "reason": "drill", "drill": True})
    world.ask("PUT", "limits/careful", {"scope": "everyone", "measure": "in_flight", "value": 99})
    issuer = {"url": "https://login.example.com", "audiences": ["a"], "group_prefix": "login."}
    world.ask("PUT", "issuers/login", issuer)
    key = world.ask("POST", "admin-keys", {"name": world.fresh("ci"), "roles": ["operator"]})["admin_key"]
    send(world, "POST", "login", {"user": name, "password": WRONG})
    send(world, "GET", "whoami", key=key)
    planted = [PASSWORD, WRONG, login, key, person.key, session.secret, world.rig.facts["admin_key"]]
    planted += stored_secrets(world)
    for route in reading_routes():
        path = filled(world, route) + QUERIES.get(route, "").format(user=person.name)
        answer = send(world, "GET", path.removeprefix("/v1/admin/"), key=login)
        assert answer.status_code == 200, (path, answer.text)
        assert not [secret for secret in planted if secret in answer.text], path
        assert not SECRET.search(answer.text), (path, SECRET.search(answer.text))
        # Audit records contain the digests of their chain, which are not secret.
        assert route.startswith("/v1/admin/audit/") or not DIGEST.search(answer.text), path
    assert not [secret for secret in planted if secret in world.log_text()]


def stored_secrets(world: World) -> list[str]:
    """Return the stored hashes of passwords, keys and tokens, in every encoding a response might use."""
    columns = {
        "passwords": "hash",
        "admin_keys": "digest",
        "client_keys": "digest",
        "sessions": "token_digest",
    }
    with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db")) as database:
        found = [
            value
            for table, column in columns.items()
            for (value,) in database.execute(f"SELECT {column} FROM {table}")
        ]
    texts = [value.rpartition("$")[2] for value in found if isinstance(value, str)]
    digests = [value for value in found if isinstance(value, bytes)]
    assert texts
    assert len(digests) >= 4
    return [
        *texts,
        *(digest.hex() for digest in digests),
        *(base64.b64encode(digest).decode().rstrip("=") for digest in digests),
    ]


def reading_routes() -> list[str]:
    """Return the path of each admin route that reads."""
    found = {
        endpoint.path
        for endpoint in admin_endpoints()
        if endpoint.method == "GET" and endpoint.right is not None
    }
    assert len(found) >= 15
    return sorted(found - UNASKED)


def filled(world: World, route: str) -> str:
    """Return the path of an existing object."""
    listing, _, more = route.partition("/{")
    if not more:
        return route
    parameter, _, rest = more.partition("}")
    if listing.endswith("/traces"):
        item: Any = {"id": world.events(action="session:client:open")[0]["request_id"]}
    else:
        item = world.ask("GET", (listing + QUERIES.get(listing, "")).removeprefix("/v1/admin/"))["items"][0]
    return f"{listing}/{item[parameter]}{rest.format(**item)}"
