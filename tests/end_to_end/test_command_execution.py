"""The right `mcp:execute`: every way to make the server start the command of an MCP, with and without it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_protocol.paths import BATCH, MCPS
from ambassador_server.web.admin.routes import admin_endpoints
from tests.end_to_end.world import World, downstream, running, until
from tests.fakes.mcp_servers import command, stdio_options
from tests.rig import Rig

SETTING = "stdio.administrators_execute"
MISSING = "missing_right:mcp:execute"
ONE = f"{MCPS}/{{name}}"
COMMAND = [sys.executable, "-B", *command("stdio_server")[1:]]
OTHER = stdio_options(env={"CHANGED": "yes"})


@dataclass(frozen=True, slots=True)
class Step:
    """One request about an MCP; `draft` is sent to one that is not published."""

    route: tuple[str, str]
    executes: bool
    body: Any = None
    query: str = ""
    draft: bool = False


def batch_step(options: dict[str, Any], *, executes: bool, draft: bool = False) -> Step:
    operation = {"kind": "put-mcp", "name": "{name}", "set": {"transport": "stdio", "options": options}}
    return Step(("POST", BATCH), executes, {"operations": [operation]}, draft=draft)


STEPS = [
    Step(("POST", f"{ONE}/test"), True),
    Step(("POST", f"{ONE}/test"), True, draft=True),
    Step(("POST", f"{ONE}/publish"), True, draft=True),
    Step(("POST", f"{ONE}/restart"), True),
    Step(("PUT", ONE), True, {"options": OTHER}),
    Step(("PUT", ONE), True, {"options": OTHER}, "?test=false"),
    Step(("PATCH", ONE), True, {"options": {**OTHER, "command": COMMAND}}),
    Step(("PATCH", ONE), True, {"options": OTHER}, "?test=false"),
    Step(("PATCH", ONE), True, {"isolation": "per_user"}, "?test=false"),
    Step(("PATCH", ONE), True, {"sessions": "shared"}),
    batch_step(OTHER, executes=True),
    batch_step(OTHER, executes=False, draft=True),
    Step(("PUT", ONE), False, {"description": "Ours"}),
    Step(("PATCH", ONE), False, {"description": "Ours"}),
    Step(("PATCH", ONE), False, {"options": OTHER}, draft=True),
    Step(("PUT", ONE), False, {"options": OTHER}, draft=True),
    Step(("POST", MCPS), False, {"name": "another", "transport": "stdio", "options": OTHER}),
    Step(("POST", f"{ONE}/approve"), False, {"tools": {}}),
    Step(("POST", f"{ONE}/archive"), False),
    Step(("DELETE", ONE), False, draft=True),
]
"""Every request that changes or operates MCPs; the last one removes the draft."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, prepared: Rig) -> Iterator[World]:
    """Publish with the right, then run the server without it."""
    directory = tmp_path_factory.mktemp("execution")
    with running(directory, prepared) as started, downstream(directory) as remote:
        started.publish_fixture("program")
        started.offer("draft", "stdio", stdio_options())
        started.publish("remote", "streamable_http", {"url": remote.url})
        started.offer("remote-draft", "streamable_http", {"url": remote.url})
        (directory / "server.yaml").write_text("stdio: {administrators_execute: false}")
        started.restart()
        until(lambda: started.ask("GET", "mcps/program")["state"] == "ready", "what is published still runs")
        yield started


def send(world: World, step: Step, name: str, key: str | None = None) -> httpx.Response:
    method, path = step.route
    body = _named(step.body, name)
    headers = {} if key is None else {"X-Admin-Key": key}
    return world.admin.request(method, path.format(name=name) + step.query, json=body, headers=headers)


def _named(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _named(part, name) for key, part in value.items()}
    if isinstance(value, list):
        return [_named(part, name) for part in value]
    return name if value == "{name}" else value


def test_the_table_has_every_route_that_changes_or_operates_mcps() -> None:
    routes = {
        (endpoint.method, endpoint.path)
        for endpoint in admin_endpoints()
        if endpoint.path == BATCH or (endpoint.path.startswith(MCPS) and endpoint.method != "GET")
    }
    assert routes == {step.route for step in STEPS}


@pytest.mark.parametrize("step", [step for step in STEPS if step.executes], ids=str)
def test_nothing_is_started_without_the_right(world: World, step: Step) -> None:
    name = "draft" if step.draft else "program"
    before, tests = world.ask("GET", f"mcps/{name}"), world.events(action="admin:mcp:test")
    refusals = world.events(action="session:admin:refuse")

    answer = send(world, step, name)

    assert (answer.status_code, "mcp:execute" in answer.text, SETTING in answer.text) == (403, True, True)
    recorded = world.events(action="session:admin:refuse")[: -len(refusals) or None]
    assert [(event["outcome"], event["reason"]) for event in recorded] == [("denied", MISSING)]
    assert (world.ask("GET", f"mcps/{name}"), world.events(action="admin:mcp:test")) == (before, tests)


def test_an_operator_needs_the_right_to_restart_a_program(world: World) -> None:
    key = world.ask("POST", "admin-keys", {"name": "on-call", "roles": ["operator"]})["admin_key"]
    restart = Step(("POST", f"{ONE}/restart"), True)
    refused = send(world, restart, "program", key)
    assert (refused.status_code, "mcp:execute" in refused.text, SETTING in refused.text) == (403, True, False)
    assert send(world, restart, "remote", key).status_code == 200


def test_an_mcp_over_http_needs_no_right_to_execute(world: World) -> None:
    for step in STEPS:
        if step.executes and step.body is None:
            answer = send(world, step, "remote-draft" if step.draft else "remote")
            assert answer.status_code == 200, (step, answer.text)
    options = world.ask("GET", "mcps/remote")["options"]
    moved = world.admin.patch(f"{MCPS}/remote", json={"options": {**options, "headers": {"X-New": "1"}}})
    assert moved.status_code == 200, moved.text
    turned = world.admin.patch(f"{MCPS}/remote?test=false", json={"transport": "stdio", "options": OTHER})
    assert turned.status_code == 403, turned.text


@pytest.mark.parametrize("step", [step for step in STEPS if not step.executes], ids=str)
def test_what_starts_nothing_needs_no_right_to_execute(world: World, step: Step) -> None:
    answer = send(world, step, "draft" if step.draft else "program")
    assert answer.is_success, answer.text


def test_with_the_right_each_step_is_allowed(tmp_path: Path, prepared: Rig) -> None:
    with running(tmp_path, prepared) as world:
        for step in STEPS:
            if step.executes:
                name = world.fresh("mcp")
                (world.offer if step.draft else world.publish)(name, "stdio", stdio_options())
                answer = send(world, step, name)
                assert answer.is_success, (step, answer.text)
