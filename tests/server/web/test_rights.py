"""Which roles may use which route of the admin API, tested for every route, every role and other callers."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import ADMIN_KEY_HEADER, SCIM
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import LimitsSection, ServerConfig
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.storage.migrate import upgrade

MAY = {
    "admin": {
        *("read", "provision", "manage", "operate", "mcp:execute", "approvals:read", "approvals:decide"),
        *("audit:prune", "metrics:read"),
    },
    "operator": {"read", "operate", "metrics:read"},
    "provisioner": {"read", "provision"},
    "auditor": {"read", "approvals:read", "audit:read"},
    "monitor": {"metrics:read"},
    "scim": {"scim"},
}
"""The expected rights of each role, independent of the product's table."""

TABLE = """
none        GET    /health
none        GET    /live
none        GET    /ready
none        GET    /v1/trust/ca.pem
none        POST   /v1/admin/login
none        GET    /v1/admin/sign-in
none        POST   /v1/admin/sign-in
metrics:read GET   /metrics
read        GET    /v1/openapi.json
read        POST   /v1/admin/logout
read        PUT    /v1/admin/password
read        GET    /v1/admin/whoami
read        GET    /v1/admin/server/config
read        GET    /v1/admin/server/health
manage      GET    /v1/admin/admin-keys
manage      POST   /v1/admin/admin-keys
manage      POST   /v1/admin/admin-keys/{name}/revoke
read        GET    /v1/admin/users
read        GET    /v1/admin/users/{name}
provision   POST   /v1/admin/users
provision   PUT    /v1/admin/users/{name}
provision   PATCH  /v1/admin/users/{name}
manage      PUT    /v1/admin/users/{name}/password
read        GET    /v1/admin/groups
read        GET    /v1/admin/groups/{name}
provision   POST   /v1/admin/groups
provision   PUT    /v1/admin/groups/{name}
provision   PATCH  /v1/admin/groups/{name}
provision   DELETE /v1/admin/groups/{name}
provision   PUT    /v1/admin/groups/{name}/members/{user}
provision   DELETE /v1/admin/groups/{name}/members/{user}
read        GET    /v1/admin/memberships
read        GET    /v1/admin/keys
provision   POST   /v1/admin/keys
provision   PUT    /v1/admin/keys/{user}/{name}
provision   PATCH  /v1/admin/keys/{id}
provision   POST   /v1/admin/keys/{id}/rotate
provision   POST   /v1/admin/keys/{id}/revoke
read        GET    /v1/admin/enrolments
provision   POST   /v1/admin/enrolments
provision   DELETE /v1/admin/enrolments/{id}
read        GET    /v1/admin/sessions
operate     POST   /v1/admin/sessions/{id}/revoke
read        GET    /v1/admin/mcps
read        GET    /v1/admin/mcps/{name}
read        GET    /v1/admin/mcps/{name}/tools
read        GET    /v1/admin/mcps/{name}/resources
read        GET    /v1/admin/mcps/{name}/prompts
manage      POST   /v1/admin/mcps
manage      PUT    /v1/admin/mcps/{name}
manage      PATCH  /v1/admin/mcps/{name}
manage      DELETE /v1/admin/mcps/{name}
manage      POST   /v1/admin/mcps/{name}/publish
manage      POST   /v1/admin/mcps/{name}/approve
read        GET    /v1/admin/mcps/{name}/definitions
manage      POST   /v1/admin/mcps/{name}/archive
manage      POST   /v1/admin/mcps/{name}/test
operate     POST   /v1/admin/mcps/{name}/restart
operate     GET    /v1/admin/mcps/{name}/logs
read        GET    /v1/admin/credentials
read        GET    /v1/admin/credentials/status
operate     POST   /v1/admin/credentials/revoke
read        GET    /v1/admin/grants
manage      POST   /v1/admin/grants
manage      PUT    /v1/admin/grants
manage      DELETE /v1/admin/grants/{id}
read        GET    /v1/admin/subscriptions
provision   PUT    /v1/admin/subscriptions/{key_id}/{mcp}
provision   DELETE /v1/admin/subscriptions/{key_id}/{mcp}
read        GET    /v1/admin/issuers
manage      POST   /v1/admin/issuers
read        GET    /v1/admin/issuers/{name}
manage      PUT    /v1/admin/issuers/{name}
manage      PATCH  /v1/admin/issuers/{name}
manage      DELETE /v1/admin/issuers/{name}
manage      POST   /v1/admin/issuers/{name}/test
operate     POST   /v1/admin/issuers/{name}/revoked
manage      DELETE /v1/admin/issuers/{name}/revoked/{serial}
read        GET    /v1/admin/limits
read        GET    /v1/admin/limits/{name}
manage      PUT    /v1/admin/limits/{name}
manage      DELETE /v1/admin/limits/{name}
read        GET    /v1/admin/limit-counters
approvals:read   GET  /v1/admin/approvals
approvals:read   GET  /v1/admin/approvals/{id}
approvals:decide POST /v1/admin/approvals/{id}/approve
approvals:decide POST /v1/admin/approvals/{id}/deny
read        GET    /v1/admin/kill-switches
read        GET    /v1/admin/kill-switches/{id}
operate     POST   /v1/admin/kill-switches
operate     POST   /v1/admin/kill-switches/{id}/lift
read        GET    /v1/admin/access/explain
read        GET    /v1/admin/access/tools
read        GET    /v1/admin/access/resources
read        GET    /v1/admin/access/prompts
read        GET    /v1/admin/access/who-can
read        GET    /v1/admin/access/claims
read        POST   /v1/admin/batch
audit:read  GET    /v1/admin/audit/events
audit:read  GET    /v1/admin/audit/traces/{id}
audit:read  GET    /v1/admin/audit/statistics
audit:read  GET    /v1/admin/audit/stream
audit:read  GET    /v1/admin/audit/verify
audit:read  GET    /v1/admin/audit/keys
audit:read  GET    /v1/admin/audit/files
audit:read  GET    /v1/admin/audit/files/{writer}/{name}
audit:prune POST   /v1/admin/audit/prune
scim        GET    /scim/v2/{path}
scim        POST   /scim/v2/{path}
scim        PUT    /scim/v2/{path}
scim        PATCH  /scim/v2/{path}
scim        DELETE /scim/v2/{path}
"""
"""The right that each route needs; add every new route here."""

NEEDS = {(method, path): right for right, method, path in map(str.split, TABLE.strip().splitlines())}
GUARDED = {route: right for route, right in NEEDS.items() if right != "none"}
OTHERS = ("no key", "client key", "session token", "expired", "revoked", "forged")
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/admin/admin-keys"): {"name": "more", "roles": ["operator"]},
    ("POST", "/v1/admin/users"): {"name": "more"},
    ("POST", "/v1/admin/enrolments"): {"user": "alice", "name": "more"},
    ("PUT", "/v1/admin/users/{name}"): {"display_name": "More"},
    ("PATCH", "/v1/admin/users/{name}"): {"status": "suspended"},
    ("PUT", "/v1/admin/users/{name}/password"): {"password": "correct horse battery"},
    ("POST", "/v1/admin/groups"): {"name": "more"},
    ("PUT", "/v1/admin/groups/{name}"): {"description": "More"},
    ("PATCH", "/v1/admin/groups/{name}"): {"status": "suspended"},
    ("POST", "/v1/admin/keys"): {"user": "alice", "name": "more"},
    ("PATCH", "/v1/admin/keys/{id}"): {"status": "suspended"},
    ("POST", "/v1/admin/mcps"): {"name": "more", "transport": "stdio", "options": {"command": ["none"]}},
    ("PUT", "/v1/admin/mcps/{name}"): {"description": "More"},
    ("PATCH", "/v1/admin/mcps/{name}"): {"description": "Other"},
    ("POST", "/v1/admin/grants"): {"group": "staff", "mcp": "files"},
    ("PUT", "/v1/admin/grants"): {"group": "staff", "mcp": "files", "tools": ["read*"]},
    ("POST", "/v1/admin/issuers"): {
        "name": "more",
        "url": "https://more.example.com",
        "audiences": ["a"],
        "group_prefix": "more.",
    },
    ("PUT", "/v1/admin/issuers/{name}"): {
        "url": "https://other.example.com",
        "audiences": ["a"],
        "group_prefix": "other.",
    },
    ("PATCH", "/v1/admin/issuers/{name}"): {"creates_users": True},
    ("PUT", "/v1/admin/limits/{name}"): {"scope": "everyone", "measure": "in_flight", "value": 9},
    ("POST", "/v1/admin/approvals/{id}/approve"): {"reason": "test"},
    ("POST", "/v1/admin/kill-switches"): {"scope": "everyone", "reason": "test"},
    ("POST", "/v1/admin/batch"): {"operations": [{"kind": "put-group", "name": "more", "set": {}}]},
    ("POST", "/v1/admin/audit/prune"): {"older_than_seconds": 86400},
}
"""Bodies that would change something if the request were permitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServer:
    """A server with one object of each kind; `secrets` by role, `path_values` are the values of path parameters."""

    http: "TestClient[Any, Any]"
    database: Path
    secrets: dict[str, str]
    path_values: dict[str, str]

    async def send(self, route: tuple[str, str], who: str, **how: Any) -> ClientResponse:
        """Send a request with the secret of a role, and wait for the head of the response."""
        secret, headers = self.secrets[who], how.pop("headers", {})
        own = {"Authorization": f"Bearer {secret}"} if route[0] == "GET" else {ADMIN_KEY_HEADER: secret}
        return await self.http.request(*route, headers={**headers, **(own if secret else {})}, **how)

    def existing_path(self, path: str) -> str:
        """Return the path of an existing object."""
        (noun,) = [noun for noun in self.path_values if path.startswith(f"/v1/admin/{noun}/")] or [""]
        names = {"user": "alice", "writer": "test", "mcp": "files", "key_id": self.path_values["keys"]}
        names["serial"] = "1f"
        return path.format(
            **names, path="Users", id=self.path_values.get(noun), name=self.path_values.get(noun)
        )

    def stored(self) -> list[str]:
        """Return the content of the database without the audit index, in which the refusals are recorded."""
        with closing(sqlite3.connect(self.database)) as database:
            return [line for line in database.iterdump() if "audit" not in line]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def admin_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdminServer]:
    directory = tmp_path_factory.mktemp("admin_server")
    limits = LimitsSection(failed_logins="100000/minute")
    config = ServerConfig(data_dir=directory, tls="off", limits=limits)
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    async with TestClient(TestServer(server.admin_app(None))) as http:
        secrets = await _secrets(server)
        path_values = await _path_values(http, secrets)
        _, secrets["scim"] = await server.services.administration.admin_keys.issue(
            Requester(None, None), name="scim", roles=(Role.SCIM,), lifetime=None, issuer="login"
        )
        async with TestClient(TestServer(server.client_app(None))) as client:
            body = {"preshared_key": secrets["client key"], "friendly_name": "x", "host_tool": "cli"}
            async with client.post("/v1/sessions/register", json=body) as answer:
                opened = await answer.json()
        secrets["session token"] = opened["session_token"]
        path_values["sessions"] = opened["session_id"]
        yield AdminServer(
            http=http, database=directory / "ambassador.db", secrets=secrets, path_values=path_values
        )
    await server.close()


async def _secrets(server: Ambassador) -> dict[str, str]:
    keys, requester = server.services.administration.admin_keys, Requester(None, None)
    found = {"no key": "", "forged": "amb_ak_" + "A" * 48}
    for role in (*(each for each in Role if each is not Role.SCIM), *("expired", "revoked", "spare")):
        roles = (role,) if isinstance(role, Role) else tuple(each for each in Role if each is not Role.SCIM)
        lifetime = timedelta(microseconds=1) if role == "expired" else None
        _, found[role] = await keys.issue(requester, name=str(role), roles=roles, lifetime=lifetime)
    await keys.revoke(requester, "revoked")
    return found


async def _path_values(http: "TestClient[Any, Any]", secrets: dict[str, str]) -> dict[str, str]:
    async def ask(method: str, path: str, body: dict[str, Any]) -> Any:
        headers = {ADMIN_KEY_HEADER: secrets["admin"]}
        async with http.request(method, f"/v1/admin/{path}", json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    await ask("POST", "users", {"name": "alice", "roles": ["operator"]})
    await ask("POST", "groups", {"name": "staff"})
    await ask("PUT", "groups/staff/members/alice", {})
    await ask("POST", "mcps", {"name": "files", "transport": "stdio", "options": {"command": ["none"]}})
    grant = await ask("POST", "grants", {"group": "staff", "mcp": "files", "delivery": "opt_in"})
    issued = await ask("POST", "keys", {"user": "alice", "name": "laptop"})
    secrets["client key"] = issued["preshared_key"]
    await ask("PUT", f"subscriptions/{issued['key']['id']}/files", {})
    limit = {"scope": "everyone", "measure": "in_flight", "value": 100}
    enrolment = await ask("POST", "enrolments", {"user": "alice", "name": "desk"})
    switch = {"scope": "user", "target": "alice", "reason": "test", "drill": True}
    issuer = {
        "name": "login",
        "url": "https://login.example.com",
        "audiences": ["a"],
        "group_prefix": "login.",
    }
    return {
        "admin-keys": "spare",
        "users": "alice",
        "groups": "staff",
        "mcps": "files",
        "keys": issued["key"]["id"],
        "enrolments": enrolment["id"],
        "grants": grant["id"],
        "issuers": (await ask("POST", "issuers", issuer))["name"],
        "limits": (await ask("PUT", "limits/careful", limit))["name"],
        "kill-switches": (await ask("POST", "kill-switches", switch))["id"],
        "approvals": "x",
        "audit": "x",
        "subscriptions": "x",
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_every_route_is_in_the_table(admin_server: AdminServer) -> None:
    routes = admin_server.http.app.router.routes() if admin_server.http.app is not None else []
    routed = {
        (route.method, route.resource.canonical)
        for route in routes
        if route.resource is not None and route.method != "HEAD"
    }
    assert routed == set(NEEDS)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("who", [*MAY, *OTHERS])
async def test_request_without_the_right_is_refused_and_changes_nothing(
    admin_server: AdminServer, who: str
) -> None:
    """A caller without the right is refused before the query and the body are read, and nothing changes."""
    before = admin_server.stored()
    status, code = (403, "AMB-3002") if who in MAY else (401, "AMB-2002")
    refused = [route for route, right in GUARDED.items() if right not in MAY.get(who, set())]
    for route in refused:
        method, path = route[0], admin_server.existing_path(route[1])
        attempts: list[dict[str, Any]] = [
            {"json": BODIES.get(route, {})},
            {"data": b"{", "headers": {"Content-Type": "text/plain"}, "params": {"nonsense": "1"}},
        ]
        for attempt in attempts:
            async with await admin_server.send((method, path), who, **attempt) as answer:
                said = await answer.json(content_type=None)
                assert answer.status == status, (route, attempt)
                if path.startswith(SCIM):
                    assert said["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
                else:
                    assert said["code"] == code, (route, attempt)
                assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert refused
    assert admin_server.stored() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", MAY)
async def test_request_with_the_right_is_not_refused(admin_server: AdminServer, role: str) -> None:
    allowed = [route for route, right in GUARDED.items() if right in MAY[role]]
    for method, path in allowed:
        nothing = path.replace("{", "no-").replace("}", "")
        body = None if method == "GET" else {}
        async with await admin_server.send((method, nothing), role, json=body) as answer:
            assert answer.status not in {401, 403}, (method, path)


@pytest.mark.asyncio(loop_scope="module")
async def test_requests_of_the_refusal_test_would_change_something(admin_server: AdminServer) -> None:
    """Otherwise refused requests without an effect would prove nothing."""
    for route, body in BODIES.items():
        before = admin_server.stored()
        if GUARDED[route] in {"manage", "provision", "operate"}:
            async with await admin_server.send(
                (route[0], admin_server.existing_path(route[1])), "admin", json=body
            ) as answer:
                assert answer.status < 300, (route, await answer.text())
            assert admin_server.stored() != before, route


@pytest.mark.asyncio(loop_scope="module")
async def test_client_secrets_are_valid_on_the_client_api(admin_server: AdminServer) -> None:
    """Otherwise their refusal would prove nothing."""
    assert admin_server.secrets["client key"].startswith("amb_pk_")
    assert admin_server.secrets["session token"].startswith("amb_st_")
