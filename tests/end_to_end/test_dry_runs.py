"""Every change can be tried: the server answers what it would record, and nothing is changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from ambassador_protocol import paths
from ambassador_server.storage.tables import metadata
from ambassador_server.web.admin.routes import admin_endpoints
from tests.end_to_end.credentials import give
from tests.end_to_end.world import World, until
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE

PASSWORD, OTHER_PASSWORD = "correct horse battery staple", "a staple of batteries for horses"
CONNECTS = {"admin:mcp:test"}


@dataclass(frozen=True, slots=True)
class Step:
    """One change: its route, the values of the route's parameters, and its body.

    `keep` names the id in the answer for later steps, `by_login` sends it with the login of a user. A step that is
    `idle` changes nothing here.
    """

    method: str
    route: str
    values: dict[str, str]
    body: Any = None
    keep: str | None = None
    by_login: bool = False
    idle: bool = False


USER, GROUP, MCP = {"name": "dora"}, {"name": "dryers"}, {"name": "dry"}
ONE_KEY, ONE_MCP = f"{paths.KEYS}/{{id}}", f"{paths.MCPS}/{{name}}"
ISSUER, ONE_ISSUER = {"name": "dry-login"}, f"{paths.ISSUERS}/{{name}}"
ISSUER_FIELDS = {"url": "https://login.example.com", "audiences": ["mcp"], "group_prefix": "dry-login."}
AUTHORITY = {"name": "dry-authority"}
AUTHORITY_FIELDS = {
    "url": f"sha256:{'ab' * 32}",
    "key_source": "certificates",
    "user_claims": ["email:{user}@example.com"],
    "group_claims": [],
    "group_prefix": "dry-authority.",
}
LIMIT, ONE_LIMIT = {"name": "dry-calls"}, f"{paths.LIMITS}/{{name}}"
SUBSCRIPTION = (f"{paths.SUBSCRIPTIONS}/{{key_id}}/{{mcp}}", {"key_id": "<key>", "mcp": "tools"})
MEMBER = (f"{paths.GROUPS}/{{name}}/members/{{user}}", {"name": "dryers", "user": "dora"})
STEPS = [
    Step("POST", paths.USERS, {}, USER),
    Step("PUT", f"{paths.USERS}/{{name}}", USER, {"display_name": "Dora"}),
    Step("PATCH", f"{paths.USERS}/{{name}}", USER, {"roles": ["auditor"]}),
    Step("PUT", f"{paths.USERS}/{{name}}/password", USER, {"password": PASSWORD}),
    Step("PUT", paths.OWN_PASSWORD, {}, {"current": PASSWORD, "password": OTHER_PASSWORD}, by_login=True),
    Step("POST", paths.LOGOUT, {}, by_login=True),
    Step("PATCH", f"{paths.USERS}/{{name}}", USER, {"roles": []}),
    Step("POST", paths.GROUPS, {}, GROUP),
    Step("PUT", f"{paths.GROUPS}/{{name}}", GROUP, {"description": "They dry."}),
    Step("PATCH", f"{paths.GROUPS}/{{name}}", GROUP, {"status": "suspended"}),
    Step("PUT", *MEMBER),
    Step("DELETE", *MEMBER),
    Step("POST", paths.KEYS, {}, {"user": "dora", "name": "laptop"}, keep="key"),
    Step("PUT", f"{paths.KEYS}/{{user}}/{{name}}", {"user": "dora", "name": "ci"}, {}),
    Step("PATCH", ONE_KEY, {"id": "<key>"}, {"status": "suspended"}),
    Step("PATCH", ONE_KEY, {"id": "<key>"}, {"status": "active"}),
    Step("PUT", *SUBSCRIPTION, {"tools": ["echo"]}),
    Step("DELETE", *SUBSCRIPTION),
    Step("POST", f"{ONE_KEY}/rotate", {"id": "<key>"}, {}),
    Step("POST", f"{ONE_KEY}/revoke", {"id": "<key>"}),
    Step("POST", paths.ENROLMENTS, {}, {"user": "dora", "name": "phone"}, keep="code"),
    Step("DELETE", f"{paths.ENROLMENTS}/{{id}}", {"id": "<code>"}),
    Step("POST", f"{paths.SESSIONS}/{{id}}/revoke", {"id": "<session>"}),
    Step("POST", f"{paths.CREDENTIALS}/revoke", {}, {"user": "giver", "mcp": "tools"}),
    Step("POST", paths.MCPS, {}, {**MCP, "transport": "stdio", "options": stdio_options()}),
    Step("PUT", ONE_MCP, MCP, {"description": "A draft"}),
    Step("POST", paths.GRANTS, {}, {"group": "dryers", "mcp": "dry"}, keep="grant"),
    Step("PUT", paths.GRANTS, {}, {"group": "dryers", "mcp": "tools", "tools": ["echo"]}),
    Step("DELETE", f"{paths.GRANTS}/{{id}}", {"id": "<grant>"}),
    Step("POST", f"{ONE_MCP}/publish", MCP),
    Step("PATCH", ONE_MCP, MCP, {"options": stdio_options(env={"CHANGED": "yes"})}),
    Step("POST", f"{ONE_MCP}/approve", MCP, {"tools": {}}, idle=True),
    Step("POST", f"{ONE_MCP}/restart", MCP),
    Step("POST", paths.ISSUERS, {}, {"name": "dry-login", **ISSUER_FIELDS}),
    Step("PUT", ONE_ISSUER, ISSUER, {**ISSUER_FIELDS, "group_map": {"eng": "dryers"}}),
    Step("PATCH", ONE_ISSUER, ISSUER, {"creates_users": True}),
    Step("DELETE", ONE_ISSUER, ISSUER),
    Step("PUT", ONE_ISSUER, AUTHORITY, AUTHORITY_FIELDS),
    Step("POST", f"{ONE_ISSUER}/revoked", AUTHORITY, {"serial": "0A"}),
    Step("DELETE", f"{ONE_ISSUER}/revoked/{{serial}}", {**AUTHORITY, "serial": "0A"}),
    Step("PUT", ONE_LIMIT, LIMIT, {"scope": "mcp", "target": "dry", "measure": "in_flight", "value": 4}),
    Step("PUT", ONE_LIMIT, LIMIT, {"scope": "mcp", "target": "dry", "measure": "in_flight", "value": 8}),
    Step("DELETE", ONE_LIMIT, LIMIT),
    Step("POST", f"{ONE_MCP}/archive", MCP),
    Step("DELETE", ONE_MCP, MCP),
    Step("POST", f"{paths.APPROVALS}/{{id}}/approve", {"id": "<wanted>"}, {"reason": "x"}),
    Step("POST", f"{paths.APPROVALS}/{{id}}/deny", {"id": "<unwanted>"}, {}),
    Step("POST", paths.SWITCHES, {}, {"scope": "user", "target": "dora", "reason": "x"}, keep="switch"),
    Step("POST", f"{paths.SWITCHES}/{{id}}/lift", {"id": "<switch>"}),
    Step("POST", paths.ADMIN_KEYS, {}, {"name": "dry-ci", "roles": ["auditor"]}),
    Step("POST", f"{paths.ADMIN_KEYS}/{{name}}/revoke", {"name": "dry-ci"}),
    Step(
        "POST",
        paths.BATCH,
        {},
        {
            "operations": [
                {"kind": "put-user", "name": "batched", "set": {}},
                {"kind": "add-member", "group": "dryers", "user": "batched"},
            ]
        },
    ),
    Step("DELETE", f"{paths.GROUPS}/{{name}}", GROUP),
    Step("POST", paths.AUDIT_PRUNING, {}, {"older_than_seconds": 172800}, idle=True),
]


@pytest.fixture(scope="module")
def caller(world: World) -> Iterator["Caller"]:
    person = world.person()
    world.ask("POST", "users", {"name": "giver"})
    give(world, "giver", "tools")
    session = world.session(person)
    ids = {"session": session.session_id}
    token = {"X-Session-Token": session.secret}
    for name, wanted in (("wanted", "tools.echo"), ("unwanted", "tools")):
        body = {"access": wanted, "reason": "a test", "for_seconds": 60}
        ids[name] = world.http.post(paths.OWN_REQUESTS, headers=token, json=body).json()["id"]
    with httpx.Client(base_url=world.rig.admin_url, timeout=PATIENCE, trust_env=False) as http:
        yield Caller(world, http, ids)


@dataclass
class Caller:
    """Sends the steps, and knows the ids that earlier ones have made."""

    world: World
    http: httpx.Client
    ids: dict[str, str]

    def send(self, step: Step, **query: str) -> httpx.Response:
        known = {f"<{name}>": value for name, value in self.ids.items()}
        values = {name: known.get(value, value) for name, value in step.values.items()}
        path = step.route.format(**values)
        key = self.login() if step.by_login else self.world.rig.facts["admin_key"]
        headers = {"X-Admin-Key": key}
        return self.http.request(step.method, path, json=step.body, params=query, headers=headers)

    def login(self) -> str:
        if "login" not in self.ids:
            body = {"user": "dora", "password": PASSWORD}
            answer = self.http.post(paths.LOGIN, json=body)
            assert answer.status_code == 201, answer.text
            self.ids["login"] = answer.json()["admin_key"]
        return self.ids["login"]

    def recorded(self, answer: httpx.Response) -> list[str]:
        """Return the actions that the audit has recorded about a request, oldest first."""
        number = answer.headers["X-Request-ID"]
        found = [event["action"] for event in self.world.events() if event["request_id"] == number]
        return found[::-1]

    def stored(self) -> dict[str, list[Any]]:
        """Return all that the database holds, without the audit and the times of use, which are stored later."""
        columns = {
            name: ", ".join(column.name for column in table.columns if not column.name.startswith("last_"))
            for name, table in metadata.tables.items()
            if not name.startswith("audit")
        }
        with closing(sqlite3.connect(self.world.rig.data_dir / "ambassador.db")) as database:
            return {
                name: sorted(database.execute(f"SELECT {wanted} FROM {name}"), key=repr)
                for name, wanted in columns.items()
            }


def test_every_change_can_be_tried_and_is_then_recorded_as_foretold(caller: Caller) -> None:
    for step in STEPS:
        if step.by_login:
            caller.login()
        before = caller.stored()
        tried = caller.send(step, dry_run="true")
        assert tried.status_code == 200, (step, tried.text)
        assert caller.stored() == before, step
        assert caller.recorded(tried) == [], step
        assert tried.json().keys() == {"changes", "warnings"}
        foretold = [each["action"] for each in tried.json()["changes"]]
        done = caller.send(step, dry_run="false")
        assert done.is_success, (step, done.text)
        if step.keep is not None:
            made = done.json()
            caller.ids[step.keep] = made.get("key", made)["id"]
        if not step.idle:
            assert foretold
            # The index may be behind the log while it starts.
            until(lambda answer=done: caller.recorded(answer), f"{step} is recorded")
            assert foretold == [each for each in caller.recorded(done) if each not in CONNECTS], step


def test_every_change_of_the_admin_api_is_among_the_steps() -> None:
    tried = {(each.method, each.path) for each in admin_endpoints() if each.is_tried}
    assert tried == {(step.method, step.route) for step in STEPS}


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Step("POST", paths.USERS, {}, {"name": "not a name"}), 400),
        (Step("POST", paths.USERS, {}, {"name": "x", "extra": 1}), 400),
        (Step("PATCH", f"{paths.USERS}/{{name}}", {"name": "nobody"}, {"email": "a@b"}), 404),
        (Step("POST", paths.GROUPS, {}, {"name": "developers"}), 409),
        (Step("POST", paths.MCPS, {}, {"name": "x", "transport": "carrier-pigeon", "options": {}}), 400),
        (Step("POST", paths.MCPS, {}, {"name": "x", "transport": "stdio", "options": {"args": 1}}), 400),
        (Step("POST", f"{ONE_MCP}/publish", {"name": "tools"}), 409),
        (Step("POST", paths.BATCH, {}, {"operations": [{"kind": "remove-grant", "id": "none"}]}), 404),
        (Step("POST", paths.KEYS, {}, {"user": "nobody", "name": "x"}), 404),
    ],
    ids=lambda value: f"{value.method} {value.route}" if isinstance(value, Step) else "",
)
def test_what_would_be_refused_is_refused(caller: Caller, step: Step, status: int) -> None:
    tried, done = caller.send(step, dry_run="true"), caller.send(step)
    assert (tried.status_code, done.status_code) == (status, status)
    members = ("code", "detail", "hint")
    assert [tried.json().get(each) for each in members] == [done.json().get(each) for each in members]


def test_only_changes_can_be_tried(caller: Caller) -> None:
    for step in (
        Step("GET", paths.USERS, {}),
        Step("POST", f"{ONE_MCP}/test", {"name": "tools"}),
        Step("POST", paths.LOGIN, {}, {"user": "dora", "password": PASSWORD}),
    ):
        refused = caller.send(step, dry_run="true")
        assert refused.status_code == 400
        assert "unknown parameter" in refused.text
    assert caller.send(Step("POST", paths.USERS, {}, USER), dry_run="perhaps").status_code == 400


def test_dry_run_warns_and_connects_to_nothing(caller: Caller) -> None:
    caller.world.offer("untested", "stdio", {"command": ["no-such-command-anywhere"]})
    tried = caller.send(Step("POST", f"{ONE_MCP}/publish", {"name": "untested"}), dry_run="true")
    assert tried.status_code == 200, tried.text
    assert "not tested" in tried.json()["warnings"][0]
    unmatched = {"group": "developers", "mcp": "tools", "tools": ["no-such-*"], "allow_unmatched": True}
    (warning,) = caller.send(Step("POST", paths.GRANTS, {}, unmatched), dry_run="true").json()["warnings"]
    assert "no-such-*" in warning
