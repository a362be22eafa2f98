"""A running server answers generated requests as the OpenAPI document describes."""

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from schemathesis import checks
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks as promises

from ambassador_protocol.paths import (
    ADMIN,
    ADMIN_KEY_HEADER,
    AUDIT_STREAM,
    BATCH,
    CA_CERTIFICATE,
    MCPS,
    OPENAPI,
)
from ambassador_server.web.admin.routes import admin_endpoints
from ambassador_server.web.openapi import describe
from tests.effort import SOAK
from tests.end_to_end.credentials import give
from tests.end_to_end.raw_http import connected, head
from tests.end_to_end.world import World, assert_nothing_internal
from tests.patience import PATIENCE

EXAMPLES = 12 * SOAK
_REJECTED = [400, 401, 403, 404, 405, 406, 409, 415, 422, 428, 429, "5xx"]
DOCUMENT = msgspec.json.decode(msgspec.json.encode(describe(admin_endpoints())))
NAMES = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
COVERED = NAMES if SOAK > 1 else NAMES[::4]
"""Operations that also get each limit, type and method that is not theirs: dozens of requests for each."""
SCHEMA = schemathesis.openapi.from_dict(
    copy.deepcopy(DOCUMENT),
    config=schemathesis.Config.from_dict(
        {
            "seed": 7,
            "generation": {
                "deterministic": True,
                "database": "none",
                "max-examples": EXAMPLES,
                "with-security-parameters": False,
            },
            "phases": {"coverage": {"unexpected-methods": ["trace"]}},
            "operations": [
                {"include-name": name, "phases": {"coverage": {"enabled": False}}}
                for name in NAMES
                if name not in COVERED
            ],
            # A list with too many items may be refused for its size before its items are counted.
            "checks": {"negative_data_rejection": {"expected-statuses": [*_REJECTED, 413]}},
        }
    ),
)
CHECKS: list[Any] = [
    checks.not_a_server_error,
    promises.status_code_conformance,
    promises.content_type_conformance,
    promises.response_schema_conformance,
    promises.response_headers_conformance,
    promises.unsupported_method,
    promises.allow_header_conformance,
    promises.ignored_auth,
    promises.negative_data_rejection,
]
STARTS_IT = {f"{MCPS}/{{name}}/{verb}" for verb in ("publish", "test", "restart")}
"""Operations that run the command of an entry; they are sent only for the harmless entry."""
HARMLESS = "tools"
NEVER_DONE = {
    # Without TLS there is no CA. Generated entries are never published, archived or approved. A key has no login,
    # and no identity provider has issued the token of a sign-in.
    f"GET {CA_CERTIFICATE}",
    f"POST {MCPS}/{{name}}/publish",
    f"POST {MCPS}/{{name}}/approve",
    f"POST {MCPS}/{{name}}/archive",
    f"POST {ADMIN}/logout",
    f"POST {ADMIN}/login",
    f"POST {ADMIN}/sign-in",
    f"PUT {ADMIN}/password",
}
"""Operations that cannot succeed with generated values."""
MANY_ISSUERS = 50
"""Half as many as there may be."""

asked: Counter[str] = Counter()
done: Counter[str] = Counter()


@pytest.mark.soak
@SCHEMA.exclude(path=AUDIT_STREAM).parametrize()
def test_responses_match_the_openapi_document(case: Any, world: World) -> None:
    """Some requests are for existing objects; a generated command is never run."""
    label = case.operation.label
    asked[label] += 1
    if case.operation.path in STARTS_IT:
        case.path_parameters = {"name": HARMLESS}
    elif (asked[label] % 4 == 1 or not done[label]) and not case.meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters = existing(world, case.operation.path) or case.path_parameters
    if not done[label] and not case.meta.generation.mode.is_negative:
        case.body = sensible(world).get(label, case.body)
        case.query = SENSIBLE_QUERIES.get(label, case.query)
    if changes(case, HARMLESS):
        return
    key = {ADMIN_KEY_HEADER: world.rig.facts["admin_key"]}
    answer = case.call(base_url=world.rig.admin_url, headers=key, timeout=PATIENCE)
    case.validate_response(answer, checks=CHECKS, headers=key)
    if answer.status_code >= 400:
        request = (case.path_parameters, case.query, case.headers, case.body)
        assert_nothing_internal(answer.text, asked=str(request))
    else:
        done[label] += 1


SENSIBLE_QUERIES = {
    f"GET {ADMIN}/access/explain": {"user": "some-user", "tool": f"{HARMLESS}.echo"},
    f"GET {ADMIN}/access/tools": {"user": "some-user"},
    f"GET {ADMIN}/access/resources": {"user": "some-user"},
    f"GET {ADMIN}/access/prompts": {"user": "some-user"},
    f"GET {ADMIN}/audit/files/{{writer}}/{{name}}": {},
    f"GET {ADMIN}/access/who-can": {"tool": f"{HARMLESS}.echo"},
    f"GET {ADMIN}/access/claims": {"tool": f"{HARMLESS}.echo"},
}


def sensible(world: World) -> dict[str, Any]:
    """Return bodies that name existing objects, which generated bodies do not."""
    group, name = {"group": "somebodies", "mcp": HARMLESS}, world.fresh("thing")
    return {
        f"PUT {ADMIN}/subscriptions/{{key_id}}/{{mcp}}": {},
        f"POST {ADMIN}/groups": {"name": name},
        f"POST {ADMIN}/enrolments": {"user": "some-user", "name": name},
        f"POST {ADMIN}/users": {"name": name, "roles": ["operator"]},
        f"PUT {ADMIN}/users/{{name}}/password": {"password": "correct horse battery"},
        f"POST {ADMIN}/keys": {"user": "some-user", "name": name},
        f"PATCH {ADMIN}/keys/{{id}}": {"status": "suspended"},
        f"POST {ADMIN}/grants": group,
        f"PUT {ADMIN}/grants": group,
        f"POST {ADMIN}/issuers": {"name": name, **issuer_fields(name)},
        f"PUT {ADMIN}/issuers/{{name}}": issuer_fields(name),
        f"PATCH {ADMIN}/issuers/{{name}}": {"scopes": ["mcp:tools"]},
        f"POST {ADMIN}/issuers/{{name}}/test": {"token": "x.y.z"},
        f"POST {ADMIN}/issuers/{{name}}/revoked": {"serial": "3A:0F"},
        f"PUT {ADMIN}/limits/{{name}}": {"scope": "everyone", "measure": "in_flight", "value": 1000},
        f"POST {ADMIN}/kill-switches": {
            "scope": "user",
            "target": "some-user",
            "reason": "test",
            "drill": True,
        },
        f"POST {ADMIN}/admin-keys": {"name": name, "roles": ["operator"], "expires_in_seconds": 60},
        f"POST {ADMIN}/credentials/revoke": {"user": "some-user"},
        f"POST {ADMIN}/mcps": {
            "name": name,
            "transport": "stdio",
            "options": {"command": ["no-such-command"]},
        },
        f"POST {ADMIN}/batch": {"operations": [{"kind": "put-group", "name": name, "set": {}}]},
    }


@pytest.fixture(scope="module", autouse=True)
def _user_exists(world: World) -> None:
    world.ask("POST", "users", {"name": "some-user"})
    world.ask("POST", "groups", {"name": "somebodies"})
    give(world, "some-user", HARMLESS)


def changes(case: Any, name: str) -> bool:
    """Tell whether the request would write generated options to this published entry."""
    if case.operation.path in STARTS_IT or not case.operation.path.startswith((MCPS, BATCH)):
        return False
    operations = case.body.get("operations") if isinstance(case.body, dict) else None
    named = [each.get("name") for each in operations or () if isinstance(each, dict)]
    return name in [*named, *(case.path_parameters or {}).values()]


def existing(world: World, path: str) -> dict[str, Any] | None:
    """Create the object of a path, and return the path parameters."""
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        f"{ADMIN}/users/": lambda: {"name": user(world)},
        f"{ADMIN}/groups/": lambda: member(world),
        f"{ADMIN}/keys/{{user}}": lambda: {"user": user(world), "name": "laptop"},
        f"{ADMIN}/keys/{{id}}": lambda: {"id": world.person().key_id},
        f"{ADMIN}/enrolments/": lambda: {"id": enrolment(world)},
        f"{ADMIN}/mcps/": lambda: {"name": draft(world)},
        f"{ADMIN}/grants/": lambda: {"id": grant(world)},
        f"{ADMIN}/subscriptions/": lambda: {"key_id": subscriber(world), "mcp": HARMLESS},
        f"{ADMIN}/issuers/{{name}}/revoked": lambda: {"name": authority(world), "serial": "1f"},
        f"{ADMIN}/issuers/": lambda: {"name": issuer(world)},
        f"{ADMIN}/limits/": lambda: {"name": limit(world)},
        f"{ADMIN}/approvals/": lambda: {"id": waiting_request(world)},
        f"{ADMIN}/kill-switches/": lambda: {"id": switch(world)},
        f"{ADMIN}/sessions/": lambda: {"id": world.caller().session_id},
        f"{ADMIN}/admin-keys/": lambda: {"name": admin_key(world)},
        f"{ADMIN}/audit/files/": lambda: audit_file(world),
        f"{ADMIN}/audit/traces/": lambda: {"id": world.events(limit="1")[0]["request_id"]},
    }
    made = next((make() for prefix, make in makers.items() if path.startswith(prefix)), {})
    return {name: value for name, value in made.items() if f"{{{name}}}" in path} or None


def audit_file(world: World) -> dict[str, Any]:
    file = world.ask("GET", "audit/files")["items"][0]
    return {"writer": file["writer"], "name": file["name"]}


def user(world: World) -> str:
    return str(world.ask("POST", "users", {"name": world.fresh("user"), "roles": ["operator"]})["name"])


def member(world: World) -> dict[str, Any]:
    group, name = world.group(), user(world)
    world.ask("PUT", f"groups/{group}/members/{name}")
    return {"name": group, "user": name}


def enrolment(world: World) -> str:
    return str(world.ask("POST", "enrolments", {"user": user(world), "name": "desk"})["id"])


def draft(world: World) -> str:
    name = world.fresh("draft")
    world.offer(name, "stdio", {"command": ["no-such-command"]})
    return name


def grant(world: World) -> str:
    return str(world.ask("POST", "grants", {"group": world.group(), "mcp": HARMLESS})["id"])


def subscriber(world: World) -> str:
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": HARMLESS, "delivery": "opt_in"})
    key_id = world.person(group).key_id
    world.ask("PUT", f"subscriptions/{key_id}/{HARMLESS}", {})
    return key_id


def limit(world: World) -> str:
    body = {"scope": "everyone", "measure": "in_flight", "value": 1000}
    return str(world.ask("PUT", "limits/roomy", body)["name"])


def issuer_fields(name: str) -> dict[str, Any]:
    return {"url": f"https://{name}.example.com", "audiences": ["a"], "group_prefix": f"{name}."}


def make_room_for_issuers(world: World) -> None:
    """Remove the issuers of earlier requests before there are too many of them."""
    found = world.ask("GET", "issuers?limit=100")["items"]
    if len(found) > MANY_ISSUERS:
        for each in found:
            world.ask("DELETE", f"issuers/{each['name']}")


def issuer(world: World) -> str:
    make_room_for_issuers(world)
    name = world.fresh("issuer")
    return str(world.ask("PUT", f"issuers/{name}", issuer_fields(name))["name"])


def authority(world: World) -> str:
    make_room_for_issuers(world)
    name = world.fresh("authority")
    fields = {
        "url": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",
        "key_source": "certificates",
        "user_claims": ["email:{user}@acme.example"],
        "group_claims": [],
        "group_prefix": f"{name}.",
    }
    world.ask("PUT", f"issuers/{name}", fields)
    world.ask("POST", f"issuers/{name}/revoked", {"serial": "1f"})
    return name


def waiting_request(world: World) -> str:
    caller = world.session(world.person(world.group()))
    body = {"access": f"{HARMLESS}.echo", "reason": "a test", "for_seconds": 60}
    token = {"X-Session-Token": caller.secret}
    return str(world.http.post("/v1/me/requests", headers=token, json=body).json()["id"])


def switch(world: World) -> str:
    body = {"scope": "user", "target": user(world), "reason": "a test", "drill": True}
    return str(world.ask("POST", "kill-switches", body)["id"])


def admin_key(world: World) -> str:
    body = {"name": world.fresh("program"), "roles": ["operator"]}
    return str(world.ask("POST", "admin-keys", body)["key"]["name"])


@pytest.fixture(scope="module", autouse=True)
def _every_operation_succeeded_once(world: World) -> Iterator[None]:
    """If every request were refused, the test would prove little."""
    yield
    if len(asked) == len(list(SCHEMA.get_all_operations())) - 1:
        undone = sorted(set(asked) - set(done) - NEVER_DONE)
        assert not undone, "\n".join(undone)
        assert "unhandled error" not in world.log_text()


def test_only_administrators_get_the_openapi_document(world: World) -> None:
    answer = world.admin.get(OPENAPI)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == DOCUMENT
    assert httpx.get(f"{world.rig.admin_url}{OPENAPI}", trust_env=False).status_code == 401
    assert world.http.get(OPENAPI, headers=dict(world.admin.headers)).status_code == 404


def test_stream_matches_the_openapi_document(world: World) -> None:
    promised = DOCUMENT["paths"][AUDIT_STREAM]["get"]["responses"]
    with world.admin.stream("GET", AUDIT_STREAM, params={"after": "0"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].partition(";")[0] in promised["200"]["content"]
        assert next(answer.iter_lines())
    for query in ({"after": "x"}, {"afterwards": "1"}, {"q": "("}):
        refused = world.admin.get(AUDIT_STREAM, params=query)
        assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("path", [AUDIT_STREAM, OPENAPI, f"{ADMIN}/users"])
def test_head_response_has_no_body(world: World, path: str) -> None:
    key = {ADMIN_KEY_HEADER: world.rig.facts["admin_key"]}
    with connected(world.rig.ports["admin_port"]) as connection:
        connection.sendall(head("HEAD", path, key))
        connection.sendall(head("GET", f"{ADMIN}/whoami", {**key, "Connection": "close"}))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    tops = received.split(b"\r\n\r\n")
    assert [top.split(b"\r\n")[0] for top in tops[:-1]] == [b"HTTP/1.1 200 OK"] * 2
    assert msgspec.json.decode(tops[-1])["kind"] == "key"
