"""Each user reaches an MCP with the own credential and no other, over every transport and on every face."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.effort import SOAK
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MODERN, REST, Face
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_legacy_sse import stream
from tests.end_to_end.world import GROUP, Caller, Person, World, downstream, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig
from tests.server.downstream.support import is_alive

PUBLIC_URL = "https://tools.example.com/ambassador"
USERS, CALLS = min(50, 15 * SOAK), 4
OF_REQUESTS = {
    "fields": [
        {"name": "token", "place": "header", "target": "Authorization", "template": "Bearer {}"},
        {"name": "key", "place": "query", "target": "api_key", "required": False},
    ]
}
OF_PROGRAM = {
    "fields": [
        {"name": "token", "place": "environment", "target": "CREDENTIAL_TOKEN"},
        {"name": "key", "place": "argument", "template": "--key={}", "required": False},
    ]
}
KINDS = ("program", "web", "stream")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with an MCP that needs credentials over each transport."""
    with (
        downstream(directory, "--http", server="echoing_server") as web,
        running(directory, prepared, limits=GENEROUS, public_url=PUBLIC_URL, legacy_sse=True) as started,
    ):
        need(started, "program", "stdio", stdio_options("--", server="echoing_server"), OF_PROGRAM)
        need(started, "web", "streamable_http", {"url": web.url}, OF_REQUESTS)
        need(started, "stream", "sse", {"url": web.url.replace("/mcp", "/sse")}, OF_REQUESTS)
        shown = started.person()
        for kind in KINDS:
            give(started, shown, kind, token="first-of-all")
            caller = started.session(shown)
            until(lambda c=caller, k=kind: f"{k}__received" in c.names(LEGACY), f"{kind} lists its tools")
        yield started


def need(
    world: World, name: str, transport: str, options: dict[str, Any], credentials: dict[str, Any], **more: Any
) -> None:
    """Publish an MCP that needs credentials, and grant it to the developers."""
    world.offer(name, transport, options, credentials=credentials, **more)
    world.ask("POST", f"mcps/{name}/publish")
    world.ask("POST", "grants", {"group": GROUP, "mcp": name})
    until(lambda: world.ask("GET", f"mcps/{name}")["state"] == "ready", f"{name} is ready")


def send(world: World, person: Person, method: str, mcp: str, body: Any = None) -> None:
    headers = {"Authorization": f"Bearer {person.key}"}
    answer = world.http.request(method, f"/v1/credentials/{mcp}", json=body, headers=headers)
    assert answer.is_success, answer.text


def give(world: World, person: Person, mcp: str, **values: str) -> None:
    send(world, person, "PUT", mcp, {"values": values})


def received(caller: Caller, mcp: str, face: Face = LEGACY, tool: str = "received", **arguments: Any) -> Any:
    answer = caller.call(face, f"{mcp}__{tool}", arguments)
    assert answer.succeeded, answer
    return json.loads(answer.text)


def token_in(found: dict[str, Any]) -> str:
    if "environment" in found:
        return str(found["environment"]["CREDENTIAL_TOKEN"])
    return str(found["headers"]["Authorization"].removeprefix("Bearer "))


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_each_of_many_users_is_lent_the_own_credential_and_no_other(world: World, kind: str) -> None:
    people = {world.person(): f"secret-of-{kind}-{number:03}" for number in range(USERS)}
    for person, value in people.items():
        give(world, person, kind, token=value)
    callers = [(world.session(person), value) for person, value in people.items()]
    calls = [(caller, value, FACES[number % 3]) for caller, value in callers for number in range(CALLS)]
    random.Random(9).shuffle(calls)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda call: token_in(received(call[0], kind, call[2])), calls))
    assert found == [value for _, value, _ in calls]


@pytest.mark.parametrize("kind", ["web", "stream"])
def test_values_go_into_headers_and_query(world: World, kind: str) -> None:
    person = world.person()
    give(world, person, kind, token="the-token", key="k&y=ä /?")
    found = received(world.session(person), kind)
    assert found["headers"]["Authorization"] == "Bearer the-token"
    assert found["query"] == {"api_key": "k&y=ä /?"}


def test_values_go_into_environment_and_arguments(world: World) -> None:
    person = world.person()
    give(world, person, "program", token="the-token", key="a b --c")
    found = received(world.session(person), "program")
    assert (found["environment"], found["arguments"]) == (
        {"CREDENTIAL_TOKEN": "the-token"},
        ["--key=a b --c"],
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("face", FACES, ids=repr)
def test_without_a_credential_the_call_is_refused_with_the_command(
    world: World, kind: str, face: Face
) -> None:
    caller = world.caller()
    assert f"{kind}__received" in caller.names(face)
    answer = caller.call(face, f"{kind}__received")
    assert answer.failed
    assert answer.text == (
        f"{kind}__received is refused: {kind} needs a credential of yours: token (credential_missing). Give it with: "
        f"ambassador-client credential set {kind}, or at {PUBLIC_URL}/credentials/{kind}"
    )
    assert answer.code in (None, -31001)
    (event,) = world.events(session=caller.session_id, action="call:tool:deny")
    assert (event["outcome"], event["reason"]) == ("denied", "credential_missing")
    assert world.events(session=caller.session_id, action="call:tool:attempt") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_credential_takes_effect_with_the_next_call(
    world: World, kind: str, tmp_path: Path
) -> None:
    person = world.person()
    caller, done = world.session(person), tmp_path / "done"
    give(world, person, kind, token="first-value")
    before = received(caller, kind)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(received, caller, kind, LEGACY, "hold", until=str(done))
        until(lambda: world.ask("GET", f"mcps/{kind}")["calls_in_flight"] >= 1, "the call is in flight")
        give(world, person, kind, token="second-value")
        assert token_in(received(caller, kind)) == "second-value"
        done.touch()
        assert token_in(held.result()) == token_in(before) == "first-value"
    if kind == "program":
        until(lambda: not is_alive(before["process"]), "the process with the old credential is gone")
    send(world, person, "DELETE", kind)
    assert "credential_missing" in caller.call(LEGACY, f"{kind}__received").text


def test_a_removed_credential_ends_the_process_without_a_call(world: World) -> None:
    person = world.person()
    give(world, person, "program", token="soon-removed")
    process = received(world.session(person), "program")["process"]
    send(world, person, "DELETE", "program")
    until(lambda: not is_alive(process), "the process is gone")


def test_a_process_is_not_shared_and_reads_no_others_environment(world: World) -> None:
    people = [world.person(), world.person()]
    for number, person in enumerate(people):
        give(world, person, "program", token=f"environment-{number}")
    callers = [world.session(person) for person in people]
    processes = {received(caller, "program")["process"] for caller in callers}
    assert len(processes) == 2
    sandbox = world.ask("GET", "mcps/program")["sandbox"]
    if sandbox in (None, "none"):
        pytest.skip("this machine has no sandbox")
    for caller in callers:
        assert received(caller, "program", tool="spy")["found"] == []


def test_only_a_declared_argument_is_in_a_process_list(world: World) -> None:
    person = world.person()
    give(world, person, "program", token="in-no-process-list", key="in-the-process-list")
    caller = world.session(person)
    assert token_in(received(caller, "program")) == "in-no-process-list"
    lists = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not [each for each in lists if b"in-no-process-list" in each]
    assert [each for each in lists if b"--key=in-the-process-list" in each]


def test_a_program_that_writes_its_credential_does_not_show_it(world: World) -> None:
    person = world.person()
    give(world, person, "program", token="written-to-stderr", key="written-as-argument")
    received(world.session(person), "program", tool="leak")

    def lines() -> list[str]:
        output = world.ask("GET", "mcps/program/logs")["items"]
        return [line["text"] for line in output if line["user"] == person.name]

    until(lambda: [line for line in lines() if "the credential is" in line], "the output is there")
    assert all("[redacted]" in line for line in lines() if "the credential is" in line)
    everything = [*lines(), world.log_text(), json.dumps(world.events())]
    everything += [
        file.read_text(errors="replace") for file in (world.rig.data_dir / "audit").rglob("*.jsonl")
    ]
    assert not [text for text in everything if "written-to-stderr" in text or "written-as-argument" in text]


def test_questions_of_a_users_process_reach_that_user(world: World) -> None:
    person = world.person()
    give(world, person, "program", token="asks-its-user")
    asked = begin(world.session(person), {"elicitation": {"form": {}}})
    with asked.call("program__ask") as stream:
        question = next(stream)
        assert question["params"]["message"] == "program asks: go on?"
        yes = {"action": "accept", "content": {"yes": True}}
        assert asked.post({"id": question["id"], "result": yes}).status_code == 202
        found = json.loads(next(stream)["result"]["content"][0]["text"])
    assert (token_in(found), found["answer"]) == ("asks-its-user", yes)


def test_a_host_over_the_old_transport_is_told_and_lent_too(world: World) -> None:
    person = world.person()
    with stream(world.session(person)) as host:
        host.initialize()
        host.call("web__received")
        error = host.next()["error"]
        assert (error["code"], error["data"]["reason"]) == (-31001, "credential_missing")
        give(world, person, "web", token="over-the-old-transport")
        host.call("web__received", 8)
        found = json.loads(host.next()["result"]["content"][0]["text"])
    assert token_in(found) == "over-the-old-transport"


URLS = {"elicitation": {"url": {}, "form": {}}}


def test_a_legacy_host_that_opens_urls_is_asked_to(world: World) -> None:
    asked = begin(world.caller(), URLS)
    with asked.call("web__received") as stream:
        error = next(stream)["error"]
    assert error["code"] == -32042
    assert error["data"]["reason"] == "credential_missing"
    (elicitation,) = error["data"]["elicitations"]
    assert elicitation.pop("elicitationId")
    assert elicitation == {
        "mode": "url",
        "url": f"{PUBLIC_URL}/credentials/web",
        "message": "web needs a credential of yours: token (credential_missing). Give it with: ambassador-client "
        f"credential set web, or at {PUBLIC_URL}/credentials/web",
    }


@pytest.mark.parametrize("gives", [True, False])
@pytest.mark.parametrize("named", [True, False], ids=["direct", "call_tool"])
def test_a_modern_host_that_opens_urls_is_asked_once(world: World, gives: bool, named: bool) -> None:
    person = world.person()
    caller = world.session(person)
    meta = {"io.modelcontextprotocol/clientCapabilities": URLS}
    call: dict[str, Any] = {"name": "web__received", "arguments": {}}
    if not named:
        world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
        call = {"name": "call_tool", "arguments": call}
    params = {**call, "_meta": meta}

    def post(more: dict[str, Any]) -> dict[str, Any]:
        answer = caller.send(MODERN.request(caller.secret, "tools/call", {**params, **more}))
        found = json.loads(answer.content)
        assert isinstance(found, dict)
        return found

    asking = post({})["result"]
    assert asking["resultType"] == "input_required"
    ((key, question),) = asking["inputRequests"].items()
    assert question["method"] == "elicitation/create"
    assert (question["params"]["mode"], question["params"]["url"]) == ("url", f"{PUBLIC_URL}/credentials/web")
    if gives:
        give(world, person, "web", token="given-meanwhile")
    action = "accept" if gives else "decline"
    retry = {"inputResponses": {key: {"action": action}}, "requestState": asking["requestState"]}
    again = post(retry)
    if gives:
        assert token_in(json.loads(again["result"]["content"][0]["text"])) == "given-meanwhile"
    else:
        assert (again["error"]["code"], again["error"]["data"]["reason"]) == (-31001, "credential_missing")


def test_the_command_line_says_what_is_missing(world: World, tmp_path: Path) -> None:
    client = Client(world, tmp_path)
    client.login(world.person())
    shown = client.run("call", "web__received", expect=4)
    assert "ambassador-client credential set web" in shown.stderr


def test_a_value_that_all_users_share_needs_nothing_of_them(world: World, tmp_path: Path) -> None:
    shared = tmp_path / "shared-value"
    shared.write_text("shared-by-all")
    needs = {"fields": [{**OF_PROGRAM["fields"][0], "reference": f"file://{shared}"}]}
    need(world, "common", "stdio", stdio_options("--", server="echoing_server"), needs)
    callers = [world.caller(), world.caller()]
    found = [received(caller, "common", face) for caller in callers for face in (LEGACY, REST)]
    assert {token_in(each) for each in found} == {"shared-by-all"}
    assert len({each["process"] for each in found}) == 1


def test_what_is_missing_shows_before_a_call(world: World, tmp_path: Path) -> None:
    person = world.person()
    client = Client(world, tmp_path)
    client.login(person)

    def refused() -> set[str | None]:
        mcps = client.json("catalog", "list")
        (web,) = [mcp for mcp in mcps if mcp["name"] == "web"]
        return {tool["refused"] for tool in web["tools"]}

    assert refused() == {"credential_missing"}
    assert (
        "web" in client.json("status")["missing_credentials"] == client.json("whoami")["missing_credentials"]
    )
    assert "Run: ambassador-client credential list" in client.run("tools", "list").stderr
    explained = json.loads(
        world.rig.admin("access", "explain", person.name, "web.received", "-o", "json").stdout
    )
    assert (explained["allowed"], explained["reason"]) == (False, "credential_missing")
    assert "ambassador-client credential set web" in explained["remedy"]
    assert explained["path"][-1] == {"kind": "mcp", "name": "web", "ends": True}
    give(world, person, "web", token="now-given")
    assert refused() == {None}
    assert "web" not in client.json("whoami")["missing_credentials"]
    explained = json.loads(
        world.rig.admin("access", "explain", person.name, "web.received", "-o", "json").stdout
    )
    assert (explained["allowed"], explained["reason"]) == (True, None)


def test_what_only_users_can_list_is_listed_again_after_a_restart(
    directory: Path, prepared: Rig, tmp_path: Path
) -> None:
    """It is enough that a user who has given a credential before asks what is offered."""
    options = stdio_options("--offers", "resources,prompts")
    needs = {"fields": [{**OF_PROGRAM["fields"][0]}]}
    with running(tmp_path, prepared, limits=GENEROUS) as own:
        need(own, "offers", "stdio", options, needs)
        person = own.person()
        caller = own.session(person)
        give(own, person, "offers", token="given-once")

        def prompts(secret: str) -> list[str]:
            answer = caller.send(LEGACY.request(secret, "prompts/list", {}))
            return [prompt["name"] for prompt in json.loads(answer.content)["result"]["prompts"]]

        until(lambda: prompts(caller.secret) == ["offers__greet"], "the prompts are listed")
        own.restart()
        caller = own.session(person)
        until(lambda: prompts(caller.secret) == ["offers__greet"], "the prompts are listed again")


@pytest.fixture(scope="module")
def strict(directory: Path, world: World) -> Iterator[str]:
    """Run an MCP over HTTP that accepts only tokens which begin with `good`; return its URL."""
    with downstream(directory, "--http", "--accepts=Bearer good", server="echoing_server") as server:
        yield server.url


@pytest.mark.parametrize("transport", ["streamable_http", "sse"])
def test_a_refused_credential_is_told_and_the_next_one_is_used(
    world: World, strict: str, transport: str
) -> None:
    name, url = f"strict-{transport}", strict if transport != "sse" else strict.replace("/mcp", "/sse")
    need(world, name, transport, {"url": url}, OF_REQUESTS)
    first, person = world.person(), world.person()
    give(world, first, name, token="good-from-the-first")
    caller = world.session(first)
    until(lambda: f"{name}__received" in caller.names(LEGACY), "its tools are listed")
    give(world, person, name, token="bad-from-the-start")
    caller = world.session(person)
    for face in FACES:
        answer = caller.call(face, f"{name}__received")
        assert answer.failed, answer
        assert f"{name} does not accept your credential (credential_missing)" in answer.text
        assert f"ambassador-client credential set {name}" in answer.text
        assert "bad-from-the-start" not in json.dumps(answer.body)
    actions = [event["action"] for event in world.events(session=caller.session_id)]
    assert actions.count("call:tool:attempt") == actions.count("call:tool:deny") == len(FACES)
    give(world, person, name, token="good-at-last")
    assert token_in(received(caller, name)) == "good-at-last"
    assert "bad-from-the-start" not in world.log_text() + json.dumps(world.events())


def test_a_shared_value_that_is_rotated_is_read_again(world: World, strict: str, tmp_path: Path) -> None:
    shared = tmp_path / "rotated"
    shared.write_text("good-before")
    needs = {"fields": [{**OF_REQUESTS["fields"][0], "reference": f"file://{shared}"}]}
    need(world, "rotating", "streamable_http", {"url": strict}, needs)
    caller = world.caller()
    assert token_in(received(caller, "rotating")) == "good-before"
    shared.write_text("revoked-now")
    until(lambda: caller.call(LEGACY, "rotating__received").failed, "the revoked value is used")
    shared.write_text("good-after")
    until(lambda: caller.call(LEGACY, "rotating__received").succeeded, "the new value is used")
    assert token_in(received(caller, "rotating")) == "good-after"


@pytest.mark.parametrize("name", ["web", "no-such-mcp"])
def test_the_link_leads_to_a_page_with_the_commands(world: World, name: str) -> None:
    page = world.http.get(f"/credentials/{name}")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"ambassador-client credential set {name}" in page.text
    assert f"ambassador-client connect {name}" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    wrong = world.http.get("/credentials/%3Cscript%3E")
    assert wrong.status_code == 400
    assert "<script>" not in wrong.text
