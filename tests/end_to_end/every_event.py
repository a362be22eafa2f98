"""Causes every kind of audit event on a real server, with a secret in every text that a user can enter."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from ambassador_protocol.audit.public_keys import keys_by_id
from ambassador_protocol.backoff import Backoff
from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.quarantine import BrokenSegment, quarantine_segment
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.domain.catalog.credential_needs import CredentialField, Place
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.audit.delivery import AuditDeliveries
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.log_indexing import InServerIndexer
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.services.audit.sink_positions import SinkPositions, compare, report
from tests.end_to_end import scripted_server
from tests.end_to_end.breaker_events import breakers
from tests.end_to_end.credentials import declare
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Mcp
from tests.end_to_end.granting_provider import AUDIENCE, granting_provider
from tests.end_to_end.host_logins import Browser as HostBrowser
from tests.end_to_end.host_logins import authorize_url, exchange, trust_hosts
from tests.end_to_end.identity_provider import CLIENT, GRANT, assertion, identity_provider
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.signing_in import id_token, registered, trust
from tests.end_to_end.test_audit_unavailable import broken_log
from tests.end_to_end.world import GROUP, Caller, World, downstream, until
from tests.fakes.clock import ManualClock
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.audit_log.samples import KEYS, SIGNER, append_all
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider

PASSWORD = "correct horse battery staple"
PLANTED = "ghp_" + "Planted0" * 5
OWN = "amb_pk_" + "Planted0" * 6
CARD = "4539 1488 0343 6467"
PUBLIC_URL = "https://ambassador.example.com"
HIDDEN = "hunter2hunter2"
SECRETS = (PLANTED, OWN, CARD, HIDDEN)
TEXT = f"see {PLANTED} and {OWN} card {CARD} password={HIDDEN}"
ARGUMENTS = {"text": TEXT, "password": HIDDEN, "deep": [{PLANTED: [{"api_key": HIDDEN, "n": OWN}]}]}


def events_under(directory: Path) -> list[dict[str, Any]]:
    """Return the lines with an event of every segment of every writer."""
    content = b"".join(file.read_bytes() for file in sorted(directory.glob("*/*.jsonl")))
    return [line for line in map(json.loads, content.splitlines()) if "event" in line]


def events_of(world: World) -> list[dict[str, Any]]:
    """Return every event in this server's log."""
    return [line["event"] for line in events_under(world.rig.data_dir / "audit")]


def do_everything(world: World, directory: Path) -> None:
    """Cause every event; the server runs before and after."""
    administer(world)
    catalog_and_calls(world, directory)
    definitions(world, directory)
    breakers(world, directory, PLANTED)
    questions(world)
    resources_and_prompts(world)
    approvals(world)
    people(world)
    access(world)
    tokens(world, directory)
    sign_ins(world)
    host_logins(world)
    credentials(world)
    connections(world, directory)
    officers(world)
    for command in ("new-key", "rotate"):
        world.rig.run("ambassador-server", "vault", command, "--data-dir", str(world.rig.data_dir))
    with broken_log(world):
        until(lambda: world.http.get("/ready").status_code == 503, "the log is away")
    restart_after_a_crash(world)


def administer(world: World) -> None:
    group, user = f"group-{PLANTED}", f"user-{PLANTED}"
    owner = {"owner": f"owner/{PLANTED}"}
    world.ask("POST", "groups", {"name": group, "description": TEXT})
    world.ask("PATCH", f"groups/{group}", {"description": f"again {TEXT}", **owner})
    world.ask("POST", "users", {"name": user, "display_name": TEXT, "email": f"{PLANTED}@example.com"})
    world.ask("PATCH", f"users/{user}", {"display_name": f"again {TEXT}"})
    world.ask("PUT", f"groups/{group}/members/{user}")
    world.ask("DELETE", f"groups/{group}/members/{user}")
    entry = {
        "name": "draft",
        "transport": "streamable_http",
        "options": {"url": f"http://127.0.0.1:1/?token={HIDDEN}", "headers": {"X-Key": HIDDEN}},
        "description": TEXT,
    }
    world.ask("POST", "mcps", entry)
    reach = {**entry["options"], "headers": {"X-Key": f"other {HIDDEN}"}}
    world.ask("PATCH", "mcps/draft", {"options": reach})
    world.ask("PATCH", "mcps/draft", {"description": f"again {TEXT}", "tags": [PLANTED]})
    grant = world.ask("POST", "grants", {"group": group, "mcp": "draft", "tools": [f"{PLANTED}*"]})
    world.ask("PUT", "grants", {"group": group, "mcp": "draft", "tools": [f"{PLANTED}*"], **owner})
    world.ask("DELETE", f"grants/{grant['id']}")
    limit = {"scope": "mcp", "target": "draft", "measure": "calls_per_minute", "value": 9}
    world.ask("PUT", f"limits/{PLANTED}", {**limit, **owner})
    world.ask("PUT", f"limits/{PLANTED}", {**limit, "burst": 1})
    world.ask("DELETE", f"limits/{PLANTED}")
    key = world.ask("POST", "keys", {"user": user, "name": PLANTED})["key"]["id"]
    world.ask("PATCH", f"keys/{key}", {"status": "suspended"})
    world.ask("PATCH", f"keys/{key}", {"status": "active"})
    chosen = {"tools": [f"{PLANTED}*"], "resources": [PLANTED], "prompts": [PLANTED]}
    world.ask("PUT", f"subscriptions/{key}/draft", chosen)
    world.ask("PUT", f"subscriptions/{key}/draft", {"tools": ["*"]})
    world.ask("DELETE", f"subscriptions/{key}/draft")
    world.ask("POST", f"keys/{key}/rotate", {"overlap_seconds": 60})
    world.ask("POST", f"keys/{key}/revoke")
    world.ask("DELETE", "mcps/draft")
    world.ask("DELETE", f"groups/{group}")
    world.ask("POST", "audit/prune", {"older_than_seconds": 86400})
    assert world.admin.get("/v1/admin/audit/files/main/00000001.jsonl").is_success


def catalog_and_calls(world: World, directory: Path) -> None:
    said = {"code": -32000, "message": TEXT, "data": ARGUMENTS}
    script = {
        "tools": [scripted_server.tool(name) for name in ("fine", "wrong", "gone")],
        "replies": {"wrong": f'"error":{json.dumps(said)}'},
        "final_output": {"gone": TEXT},
    }
    for policy in ("none", "keys", "redacted", "full"):
        world.publish(policy, "stdio", scripted_server.options(directory, script), arguments=policy)
    caller = world.caller()
    for face in FACES:
        for policy in ("none", "keys", "redacted"):
            assert caller.call(face, f"{policy}__fine", ARGUMENTS).succeeded
        # `full` records other secrets on purpose, but never a key of this server.
        assert caller.call(face, "full__fine", {"text": f"{OWN} stays"}).succeeded
        caller.call(face, "none__wrong", ARGUMENTS)
        caller.call(face, "keys__gone", ARGUMENTS)
        until(lambda: world.ask("GET", "mcps/keys")["state"] == "ready", "it is back")
        assert caller.call(face, PLANTED, ARGUMENTS).failed
    world.http.post("/v1/sessions/heartbeat", headers={"X-Request-Id": OWN, "X-Session-Token": "amb_st_x"})
    stop = {"scope": "mcp", "target": "none", "reason": TEXT, "message": TEXT, "expires_in_seconds": 600}
    switch = world.ask("POST", "kill-switches", stop)["id"]
    assert caller.call(REST, "none__fine", ARGUMENTS).failed
    world.ask("POST", f"kill-switches/{switch}/lift")
    limit = {"scope": "mcp", "target": "none", "measure": "calls_per_day", "value": 1}
    world.ask("PUT", "limits/daily", limit)
    assert [caller.call(REST, "none__fine", ARGUMENTS).failed for _ in range(2)] == [False, True]
    world.ask("DELETE", "limits/daily")
    grant = {"group": GROUP, "mcp": "none", "tools": ["none.fine"], "effect": "deny"}
    world.ask("POST", "grants", grant)
    assert caller.call(REST, "none__fine", ARGUMENTS).failed
    group = world.group()
    only_short = {"group": group, "mcp": "full", "constraints": {"text": {"maxLength": 3}}}
    world.ask("POST", "grants", only_short)
    assert world.session(world.person(group)).call(REST, "full__fine", ARGUMENTS).failed
    # It is removed when the server starts again.
    world.ask("PUT", "grants", {"group": group, "mcp": "none", "expires_at": "2020-01-31T12:00:00Z"})
    world.ask("POST", "mcps/keys/restart")
    world.ask("POST", "mcps/redacted/archive")


def access(world: World) -> None:
    """Ask for access, which is given and taken away, denied, and asked for no longer."""
    caller = world.session(world.person(world.group()))
    token = {"X-Session-Token": caller.secret}

    def ask(name: str) -> str:
        body = {"access": name, "reason": TEXT, "for_seconds": 600}
        answer = world.http.post("/v1/me/requests", headers=token, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    given = ask("none.fine")
    approved = world.ask("POST", f"approvals/{given}/approve", {"reason": TEXT})
    world.ask("DELETE", f"grants/{approved['grant']}")
    world.ask("POST", f"approvals/{ask('none')}/deny", {"reason": TEXT})
    world.http.post(f"/v1/me/requests/{ask('nothing')}/cancel", headers=token).raise_for_status()


def definitions(world: World, directory: Path) -> None:
    """Change the tools of an MCP, approve them, and move the MCP."""
    options = scripted_server.options(directory, {"tools": [scripted_server.tool("edit")]})
    world.publish("pinned", "stdio", options)
    changed = {"tools": [scripted_server.tool("edit", description=TEXT), scripted_server.tool(PLANTED)]}
    Path(options["command"][-1]).write_text(json.dumps(changed))
    world.ask("POST", "mcps/pinned/restart")

    def waiting() -> Any:
        return world.ask("GET", "mcps/pinned/definitions")["items"]

    digests = {each["tool"]: each["offered_digest"] for each in until(waiting, "the changed tools")}
    assert world.caller().call(REST, "pinned__edit", ARGUMENTS).failed
    world.ask("PATCH", "mcps/pinned", {"pin": "warn"})
    assert world.caller().call(REST, "pinned__edit", ARGUMENTS).succeeded
    world.ask("POST", "mcps/pinned/approve", {"tools": digests})
    moved = scripted_server.options(directory, {"tools": [scripted_server.tool("edit")]})
    world.ask("PATCH", "mcps/pinned", {"options": moved})


def questions(world: World) -> None:
    world.publish_fixture("asking", "--era", "modern")
    with begin(world.caller(), {"elicitation": {}}).call("asking__confirm") as stream:
        # The host closes the connection without an answer, which cancels the call.
        assert next(stream)["method"] == "elicitation/create"
    host = begin(world.caller(), {"elicitation": {}})
    with host.call("asking__confirm", rounds=2) as stream:
        assert host.post({"id": next(stream)["id"], "result": {"content": {"text": TEXT}}}).is_success
        assert host.post({"id": next(stream)["id"], "error": {"code": 1, "message": TEXT}}).is_success
        assert "error" in next(stream)


def resources_and_prompts(world: World) -> None:
    """Read a resource, get and complete a prompt, answer their questions, and be refused by every kind of rule."""
    program = stdio_options("--era", "modern", "--offers", "tools,resources,prompts,completions")
    optional = {"name": "token", "place": "environment", "target": "CREDENTIAL_TOKEN", "required": False}
    world.publish("offers", "stdio", program, credentials={"fields": [optional]})
    caller, greeting = world.caller(), {"name": "offers__greet", "arguments": {"whom": TEXT}}
    reference = {"type": "ref/prompt", "name": "offers__greet"}
    assert caller.call(MODERN, "offers__echo", {"text": TEXT}).succeeded
    for face in MCP_FACES:
        assert _ask(caller, face, "resources/read", uri=f"memo://{PLANTED}")["contents"]
        assert _ask(caller, face, "prompts/get", **greeting)["messages"]
        assert _ask(caller, face, "completion/complete", ref=reference, argument={"name": "a", "value": TEXT})
        assert "error" in _ask(caller, face, "resources/read", uri=f"ambassador:{PLANTED}:memo://1")
        assert "error" in _ask(caller, face, "prompts/get", name=PLANTED)
    _answer_questions(caller, "resources/read", uri="memo://asks")
    _answer_questions(caller, "prompts/get", name="offers__greet", arguments={"whom": "asks"})
    stop = {"scope": "mcp", "target": "offers", "reason": TEXT, "message": TEXT, "expires_in_seconds": 600}
    switch = world.ask("POST", "kill-switches", stop)["id"]
    assert "error" in _ask(caller, MODERN, "resources/read", uri="memo://1")
    assert "error" in _ask(caller, MODERN, "prompts/get", **greeting)
    world.ask("POST", f"kill-switches/{switch}/lift")
    limit = {"scope": "mcp", "target": "offers", "measure": "calls_per_day", "value": 1}
    world.ask("PUT", "limits/daily", limit)
    assert "error" not in _ask(caller, MODERN, "prompts/get", **greeting)
    assert "error" in _ask(caller, MODERN, "prompts/get", **greeting)
    assert "error" in _ask(caller, MODERN, "resources/read", uri="memo://1")
    world.ask("DELETE", "limits/daily")
    grant = {"group": GROUP, "mcp": "offers", "resources": ["memo://*"], "prompts": ["offers.greet"]}
    world.ask("POST", "grants", {**grant, "effect": "deny"})
    assert "error" in _ask(caller, MODERN, "resources/read", uri="memo://1")
    assert "error" in _ask(caller, MODERN, "prompts/get", **greeting)


def _ask(caller: Caller, face: Mcp, method: str, **params: Any) -> dict[str, Any]:
    """Return the result of a request, or its whole answer if that is an error."""
    answer: dict[str, Any] = caller.send(face.request(caller.secret, method, params)).json()
    result: dict[str, Any] = answer.get("result", answer)
    return result


def _answer_questions(caller: Caller, method: str, **params: Any) -> None:
    params["_meta"] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    asked = _ask(caller, MODERN, method, **params)
    answers = {key: {"action": "accept", "content": {"text": TEXT}} for key in asked["inputRequests"]}
    retry = {"inputResponses": answers, "requestState": asked["requestState"]}
    assert "error" not in _ask(caller, MODERN, method, **params, **retry)


def approvals(world: World) -> None:
    """Let calls wait for the approval of a member of a group, or of an administrator, and be denied."""
    world.publish_fixture("approved")
    group, approvers = world.group(), world.group()
    demands = {"approval": {"approvers": approvers}, "allow_unmatched": True}
    world.ask("POST", "grants", {"group": group, "mcp": "approved", **demands})
    open_to_all = {"group": group, "mcp": "offers", "approval": {"valid_seconds": 60}}
    world.ask("POST", "grants", {**open_to_all, "approval": {}})
    world.ask("PUT", "grants", {**open_to_all})
    caller, approver = world.session(world.person(group)), world.session(world.person(approvers))

    def decide(how: str) -> str:
        items = world.ask("GET", "approvals?filter=status%3Dpending")["items"]
        request = items[0]
        by_group = request["approvers"] is not None
        path = f"{'/v1/me/requests' if by_group else '/v1/admin/approvals'}/{request['id']}/{how}"
        headers = {"X-Session-Token": approver.secret} if by_group else None
        client = world.http if by_group else world.admin
        answer = client.post(path, json={"reason": TEXT}, headers=headers)
        assert answer.is_success, answer.text
        return str(request["id"])

    asked = caller.call(MODERN, "approved__echo", {"text": TEXT})
    assert "approval_pending" in asked.text, asked
    decide("approve")
    assert caller.call(MODERN, "approved__echo", {"text": TEXT}).succeeded
    assert caller.call(MODERN, "approved__echo", {"text": f"1 {TEXT}"}).failed
    decide("deny")
    assert caller.call(MODERN, "approved__echo", {"text": f"1 {TEXT}"}).failed
    for method, params in (
        ("resources/read", {"uri": "memo://asks"}),
        ("prompts/get", {"name": "offers__greet", "arguments": {"whom": "asks"}}),
    ):
        assert "error" in _ask(caller, MODERN, method, **params)
        decide("approve")
        _answer_questions(caller, method, **params)
    for method, params in (
        ("resources/read", {"uri": f"memo://{PLANTED}"}),
        ("prompts/get", {"name": "offers__greet", "arguments": {"whom": TEXT}}),
    ):
        assert "error" in _ask(caller, MODERN, method, **params)
        decide("deny")
        assert "error" in _ask(caller, MODERN, method, **params)
    for number, how in enumerate(("cancel", "expire")):
        assert caller.call(MODERN, "approved__echo", {"text": f"{number + 2} {TEXT}"}).failed
        request_id = decide("approve")
        if how == "cancel":
            own = {"X-Session-Token": caller.secret}
            assert world.http.post(f"/v1/me/requests/{request_id}/cancel", headers=own).is_success
        else:
            with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db", timeout=PATIENCE)) as database:
                database.execute(
                    "UPDATE approval_requests SET expires_at = '2020-01-01 00:00:00.000000' WHERE request_id = ?",
                    (request_id,),
                )
                database.commit()
            until(
                lambda: any(each["action"] == "approval:request:expire" for each in events_of(world)),
                "the approval expires",
            )


def people(world: World) -> None:
    person = world.person()
    own = {"Authorization": f"Bearer {person.key}"}
    for method, path, body in (
        ("PUT", "subscriptions/full", {"tools": [f"{PLANTED}*"], "allow_unmatched": True}),
        ("DELETE", "subscriptions/full", None),
        ("POST", "key/rotate", {"overlap_seconds": 600, "preshared_key": person.key}),
    ):
        answer = world.http.request(method, f"/v1/me/{path}", json=body, headers=own)
        assert answer.is_success, answer.text
    response = world.register(person.key, friendly_name=TEXT)
    assert response.status_code == 201, response.text
    opened = response.json()
    Caller(world.http, opened["session_token"], opened["session_id"], opened["connection_id"]).disconnect()
    assert world.register(OWN).status_code == 401
    assert Caller(world.http, person.key).names(LEGACY)
    world.ask("POST", f"sessions/{world.session(person).session_id}/revoke")
    switch = world.ask("POST", "kill-switches", {"scope": "user", "target": person.name, "reason": TEXT})
    assert world.register(person.key).status_code == 403
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    code = world.ask("POST", "enrolments", {"user": person.name, "name": "desk"})["code"]
    spare = world.ask("POST", "enrolments", {"user": person.name, "name": "spare"})
    world.ask("DELETE", f"enrolments/{spare['id']}")
    for answer in (200, 400):
        done = world.http.post("/v1/enrol", json={"code": code})
        assert done.is_success is (answer == 200), done.text
    world.session(person)


def tokens(world: World, directory: Path) -> None:
    """Trust an issuer that shares a secret, and use tokens of it."""
    secret = directory / "issuer-secret"
    secret.write_text(HIDDEN * 4)
    issuer = {
        "url": "open-webui",
        "algorithms": ["HS256"],
        "key_source": "secret",
        "key_place": f"file://{secret}",
        "group_prefix": "open-webui.",
        "creates_users": True,
    }
    world.ask("POST", "issuers", {"name": "chat", **issuer})
    world.ask("PUT", "issuers/chat", {**issuer, "owner": f"owner/{PLANTED}"})
    claims = {"iss": "open-webui", "sub": f"s {PLANTED}", "preferred_username": "chatty", "groups": [TEXT]}
    token = jwt.encode({**claims, "exp": time.time() + 600}, HIDDEN * 4)
    world.ask("POST", "issuers/chat/test", {"token": token})
    world.ask("POST", "issuers/chat/test", {"token": "x"})
    assert Caller(world.http, token).names(LEGACY) == []
    late = jwt.encode({**claims, "exp": 1}, HIDDEN * 4)
    world.ask("PATCH", "users/chatty", {"status": "suspended"})
    for refused in (token, late):
        assert world.http.get("/v1/tools", headers={"Authorization": f"Bearer {refused}"}).status_code == 401
    world.ask("DELETE", "issuers/chat")
    _assertions(world, secret)
    _exchange(world, secret)
    # Of a gateway, and of a caller who is none.
    for header in (SIGNATURE_HEADER, "X-User-Email"):
        assert world.http.get("/v1/tools", headers={header: TEXT}).status_code == 401


@contextmanager
def _with_public_url(world: World, url: str) -> Iterator[None]:
    file = world.rig.directory / "server.yaml"
    before = file.read_text()
    assert world.rig.stop() == 0
    file.write_text(json.dumps({**json.loads(before), "public_url": url}))
    world.start()
    yield
    assert world.rig.stop() == 0
    file.write_text(before)
    world.start()


def _assertions(world: World, secret: Path) -> None:
    """Exchange identity assertions for tokens, at a server that knows its URL."""
    with _with_public_url(world, PUBLIC_URL), identity_provider() as url:
        rules = {"group_prefix": "sso.", "private_addresses": True, "audiences": ["x"], "creates_users": True}
        clients = {CLIENT: f"file://{secret}"}
        world.ask("POST", "issuers", {"name": "sso", "url": url, **rules, "assertion_clients": clients})
        client = {"client_id": CLIENT, "client_secret": HIDDEN * 4}
        for user, status in (("asserted", 200), ("not a name", 400)):
            form = {"grant_type": GRANT, "assertion": assertion(url, PUBLIC_URL, user), **client}
            assert world.http.post("/oauth/token", data=form).status_code == status
        world.ask("PATCH", "users/asserted", {"status": "suspended"})
        form = {"grant_type": GRANT, "assertion": assertion(url, PUBLIC_URL, "asserted"), **client}
        assert world.http.post("/oauth/token", data=form).status_code == 400
        world.ask("DELETE", "issuers/sso")


def _exchange(world: World, secret: Path) -> None:
    """Bring a token that its provider exchanges for nothing."""
    with granting_provider() as provider:
        rules = {"group_prefix": "sso.", "private_addresses": True, "group_map": {"eng": GROUP}}
        world.ask(
            "POST",
            "issuers",
            {"name": "sso", "url": provider.url, **rules, "audiences": [AUDIENCE], "creates_users": True},
        )
        oauth = {"grant": "identity_assertion", "provider": "sso", "private_addresses": True}
        oauth |= {"client_id": "us", "issuer": provider.url, "provider_client_id": "us"}
        oauth |= dict.fromkeys(("client_secret", "provider_client_secret"), f"file://{secret}")
        world.offer(
            "asserted", "streamable_http", {"url": f"{provider.url}/mcp"}, credentials={"oauth": oauth}
        )
        world.ask("POST", "mcps/asserted/publish")
        world.ask("POST", "grants", {"group": GROUP, "mcp": "asserted"})
        caller = Caller(world.http, provider.token("exchanged"))
        until(lambda: caller.names(LEGACY) and provider.seen, "the provider is asked")
        refused = {"action": "credential:token:refresh", "outcome": "failed"}
        until(lambda: world.events(**refused), "the refusal is recorded")
        world.ask("POST", "mcps/asserted/archive")
        world.ask("DELETE", "issuers/sso")


def host_logins(world: World) -> None:
    """Log in through the server with a host that has no client, and send a host to a foreign page."""
    url = world.rig.client_url
    with _with_public_url(world, url), oidc_provider(resource=f"{url}/mcp") as provider:
        trust_hosts(world, provider)
        assert exchange(world, HostBrowser("hosted").log_in(world)["code"]).status_code == 200
        foreign = authorize_url(world, redirect_uri=f"https://other.example.com/{TEXT}")
        assert world.http.get(foreign).status_code == 400
        world.ask("DELETE", "issuers/login")


def sign_ins(world: World) -> None:
    """Sign in with an issuer for a key twice and for a login, and be refused."""
    with oidc_provider() as provider, pytest.MonkeyPatch.context() as patch:
        client_id = registered(provider)
        trust(world, provider, client_id)
        for _ in range(2):
            token = id_token(world, provider, client_id, "signer", patch)
            body = {"id_token": token.token, "nonce": token.nonce, "machine": "desk"}
            assert world.http.post("/v1/sign-in", json=body).status_code == 201
        assert world.http.post("/v1/sign-in", json=body).status_code == 401
        world.ask("PATCH", "users/signer", {"roles": ["operator"]})
        token = id_token(world, provider, client_id, "signer", patch)
        login = {"id_token": token.token, "nonce": token.nonce}
        assert world.admin.post("/v1/admin/sign-in", json=login).status_code == 201
        world.ask("DELETE", "issuers/org")


def credentials(world: World) -> None:
    """Give values and remove them, as the user and as an administrator, who deactivates the user at last."""
    world.offer("vaulted", "streamable_http", {"url": "http://127.0.0.1:1/"})
    field = CredentialField(name="token", place=Place.HEADER, target="X-Token", title=TEXT, help=TEXT)
    declare(world, "vaulted", field, published=True)
    for values, status in (({}, 409), ({"token": HIDDEN}, 502)):
        tested = world.admin.post("/v1/admin/mcps/vaulted/test", json={"one_time_values": values})
        assert tested.status_code == status, tested.text
    world.ask("POST", "grants", {"group": GROUP, "mcp": "vaulted"})
    person = world.person()
    own = {"Authorization": f"Bearer {person.key}"}

    def send(method: str, body: Any = None) -> httpx.Response:
        return world.http.request(method, "/v1/credentials/vaulted", json=body, headers=own)

    until(lambda: send("GET").is_success, "the server knows")
    assert send("PUT", {"values": {"token": HIDDEN}}).is_success
    assert send("DELETE").is_success
    assert send("PUT", {"values": {"token": HIDDEN}}).is_success
    world.ask("POST", "credentials/revoke", {"user": person.name})
    assert send("PUT", {"values": {"token": HIDDEN}}).is_success
    world.ask("PATCH", f"users/{person.name}", {"status": "deactivated"})


def connections(world: World, directory: Path) -> None:
    """Connect to an MCP by OAuth, call it until its short-lived token is refreshed, and disconnect."""
    with (
        downstream(directory, "--http", server="echoing_server") as echo,
        oidc_provider(target=echo.url, seconds=2) as provider,
    ):
        needs = {"oauth": {"private_addresses": True}}
        world.offer("connected", "streamable_http", {"url": f"{provider}/mcp"}, credentials=needs)
        world.ask("POST", "mcps/connected/publish")
        world.ask("POST", "grants", {"group": GROUP, "mcp": "connected"})
        person = world.person()
        path, own = "/v1/credentials/connected/connect", {"Authorization": f"Bearer {person.key}"}
        until(lambda: world.http.get("/v1/connections", headers=own).json()["connections"], "it is granted")
        begun = world.http.post(path, json={"device": True}, headers=own).json()
        asyncio.run(_consent(f"{begun['verification_uri']}?user_code={begun['user_code']}"))
        done = world.http.post(f"{path}/finish", json={"ticket": begun["ticket"]}, headers=own)
        assert done.status_code == 200, done.text
        caller, tool = world.session(person), "connected__received"
        until(lambda: tool in caller.names(LEGACY), "the user's connection lists its tools")
        refreshed = {"action": "credential:token:refresh"}
        until(lambda: caller.call(LEGACY, tool, {}) and world.events(**refreshed), "the token is refreshed")
        assert world.http.delete(path, headers=own).is_success


async def _consent(url: str) -> None:
    async with Browser() as browser:
        await browser.enter_code(url)


def officers(world: World) -> None:
    name = world.fresh("officer")
    world.ask("POST", "users", {"name": name, "roles": ["operator"]})
    world.ask("PUT", f"users/{name}/password", {"password": PASSWORD})
    login = f"{world.rig.admin_url}/v1/admin/login"
    with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        assert http.post(login, json={"user": name, "password": HIDDEN}).status_code == 401
        assert http.post(login, json={"user": PLANTED, "password": HIDDEN}).status_code == 401
        http.headers["X-Admin-Key"] = http.post(login, json={"user": name, "password": PASSWORD}).json()[
            "admin_key"
        ]
        groups = f"{world.rig.admin_url}/v1/admin/groups"
        assert http.post(groups, json={"name": "x"}).status_code == 403
        assert http.post(login.replace("login", "logout")).status_code == 204
    key = {"name": f"ci-{PLANTED}", "roles": ["auditor"], "expires_in_seconds": 3600}
    world.ask("POST", "admin-keys", key)
    world.ask("POST", f"admin-keys/{key['name']}/revoke")


def restart_after_a_crash(world: World) -> None:
    """Leave the log without its last checkpoint and with a truncated line, expire every session, and start it again."""
    assert world.rig.stop() == 0
    last = sorted((world.rig.data_dir / "audit" / "main").glob("*.jsonl"))[-1]
    *before, checkpoint = last.read_bytes().splitlines(keepends=True)
    assert checkpoint.startswith(b'{"checkpoint"')
    last.write_bytes(b"".join(before) + b'{"event":{"act')
    with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db")) as database, database:
        database.execute("UPDATE sessions SET expires_at = created_at WHERE ended_at IS NULL")
        database.execute("DELETE FROM approved_tools")
    world.start()
    # The checkpoint is known to the database, so this is a loss, too.
    words = ("audit", "accept-loss", "main", "--data-dir", str(world.rig.data_dir))
    world.rig.run("ambassador-server", *words)
    until(lambda: world.events(action="session:client:expire"), "expired sessions are recorded")


def prune_old_segments(directory: Path) -> list[dict[str, Any]]:
    """Return the events of a log whose beginning has been pruned, with a test clock that makes it old enough."""
    asyncio.run(_prune(directory))
    events = (line["event"] for line in events_under(directory))
    return [event for event in events if event["action"] == "admin:audit:prune"]


def quarantine_a_segment(directory: Path) -> list[dict[str, Any]]:
    """Return the events of a log whose last segment was broken and quarantined."""
    asyncio.run(_write_and_break(directory))
    locked = WriterDirectory.lock(directory, "main")
    broken = BrokenSegment.find(locked, "main", keys_by_id(KEYS))
    assert broken is not None
    quarantine_segment(locked, "main", broken, signer=SIGNER, clock=ManualClock())
    locked.close()
    events = (line["event"] for line in events_under(directory))
    return [event for event in events if event["action"] == "system:audit-log:quarantine"]


def find_anomalies(directory: Path) -> list[dict[str, Any]]:
    """Return the events of a log with every contradiction that a running server looks for."""
    asyncio.run(_find_anomalies(directory))
    events = (line["event"] for line in events_under(directory))
    return [event for event in events if event["action"] == "system:audit-log:anomaly"]


async def _find_anomalies(directory: Path) -> None:
    clock, options = ManualClock(), AuditLogOptions(segment_max_bytes=4000)
    log = await JsonlAuditLog.open(directory, "main", signer=SIGNER, clock=clock, options=options)
    await append_all(log, range(20))
    closed = sorted((directory / "main").glob("*.jsonl"))[-2]
    closed.write_bytes(closed.read_bytes().replace(b"weather", b"weathes", 1))
    recorder = Recorder(log=log, clock=clock)
    archive = JsonlArchive(directory, SIGNER)
    found = AuditAnomalies(archive=archive, recorder=recorder, writers=("main",))
    await found.check_closed_segments()
    await found.report_adopted("main", adopted=2, limit=1)
    difference = IndexDifference(writer="main", first_seq=2, last_seq=2, missing=1, altered=0, surplus=0)
    await found.take_differences([difference])
    start = compare("siem", {}, {"main": LogPosition(seq=1, segment=1, offset=1)})
    await report(recorder, start.anomalies)
    await log.close()


async def _write_and_break(directory: Path) -> None:
    log = await JsonlAuditLog.open(directory, "main", signer=SIGNER, clock=ManualClock())
    await append_all(log, range(3))
    await log.close()
    with (directory / "main" / "00000001.jsonl").open("ab") as file:
        file.write(b"broken\nbroken\n")


async def _prune(directory: Path) -> None:
    clock, store = ManualClock(), InMemoryStore()
    options = AuditLogOptions(segment_max_bytes=4000)
    log = await JsonlAuditLog.open(directory, "main", signer=SIGNER, clock=clock, options=options)
    await append_all(log, range(20))
    clock.advance(10 * 86400)
    search = AuditSearch(store=store, indexer=InServerIndexer(store=store, logs=[log], clock=clock))
    journal = FileSinkJournal(directory, "main")
    deliveries = AuditDeliveries(
        sinks=[],
        logs=[log],
        journal=journal,
        stored=SinkPositions(store=store, journal=journal, node="main"),
        clock=clock,
        pause_after=Backoff(0.01, 0.05).after,
    )
    retention = AuditRetention(
        store=store,
        log=log,
        search=search,
        deliveries=deliveries,
        recorder=Recorder(log=log, clock=clock),
        clock=clock,
    )
    assert (await retention.prune(Requester(None, None), older_than=timedelta(days=2))).removal is not None
    await log.close()
