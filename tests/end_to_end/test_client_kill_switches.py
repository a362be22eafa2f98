"""Whatever a kill switch stops, the user's own commands and the relay show the message of the administrator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import World

MESSAGE = "The old tracker is closed; use the new one"
OF_THE_USER = ("everyone", "user", "group", "key")
OF_TOOLS = ("mcp", "tool", "tool_class")
LISTING = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
CALL = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"tools__echo","arguments":{"text":"a"}}}\n'


@pytest.fixture
def stopped(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    """The client of a user whom, or whose tools, a kill switch of the scope stops."""
    group = world.group("tools")
    person = world.person(group)
    client = Client(world, tmp_path)
    client.login(person)
    target = {
        "everyone": None,
        "user": person.name,
        "group": group,
        "key": person.key_id,
        "mcp": "tools",
        "tool": "tools.echo",
        "tool_class": "read-only",
    }[request.param]
    body = {"scope": request.param, "target": target, "reason": "incident 42", "message": MESSAGE}
    switch = world.ask("POST", "kill-switches", body)
    yield client
    world.ask("POST", f"kill-switches/{switch['id']}/lift")


def checks(client: Client, expect: int) -> dict[str, Any]:
    return {each["check"]: each for each in client.json("doctor", expect=expect)}


@pytest.mark.parametrize("stopped", [*OF_THE_USER, *OF_TOOLS], indirect=True)
def test_refused_call_and_shorter_list_say_why(stopped: Client) -> None:
    refused = stopped.run("call", "tools.echo", "text=a", expect=4)
    assert MESSAGE in refused.stderr
    assert refused.stdout == ""
    for words in (["tools", "list"], ["tools", "search", "echo"], ["whoami"]):
        done = stopped.run(*words)
        assert MESSAGE in done.stdout + done.stderr, words
        assert "incident 42" not in done.stdout + done.stderr
    assert "tools__echo" not in [each["tool"] for each in stopped.json("tools", "list")]
    assert MESSAGE in stopped.run("tools", "show", "tools.echo", expect=5).stderr
    assert MESSAGE in stopped.run("catalog", "show", "tools").stdout


@pytest.mark.parametrize("stopped", OF_THE_USER, indirect=True)
def test_user_who_is_stopped_is_told_by_status_doctor_and_relay(stopped: Client) -> None:
    assert MESSAGE in stopped.run("status", expect=4).stderr
    assert MESSAGE in checks(stopped, expect=4)["session"]["cause"]
    answers = [json.loads(line) for line in stopped.run("proxy", stdin=LISTING + CALL).stdout.splitlines()]
    assert [MESSAGE in each["error"]["message"] for each in answers] == [True, True]


@pytest.mark.parametrize("stopped", OF_TOOLS, indirect=True)
def test_user_whose_tools_are_stopped_is_told_by_status_doctor_and_relay(stopped: Client) -> None:
    assert MESSAGE in stopped.run("status").stdout
    (text,) = stopped.json("status")["stopped"]
    assert text.endswith(f" stopped by an administrator: {MESSAGE}")
    found = checks(stopped, expect=0)["tools"]
    assert found["status"] == "warning"
    assert MESSAGE in found["cause"]
    answers = [json.loads(line) for line in stopped.run("proxy", stdin=CALL).stdout.splitlines()]
    assert MESSAGE in answers[0]["error"]["message"]


def test_switch_on_what_is_not_granted_is_not_disclosed(world: World, tmp_path: Path) -> None:
    world.ask("POST", "groups", {"name": "empty"})
    client = Client(world, tmp_path)
    client.login(world.person("empty"))
    body = {"scope": "mcp", "target": "tools", "reason": "incident 42", "message": MESSAGE}
    switch = world.ask("POST", "kill-switches", body)
    assert client.json("status")["stopped"] == []
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
