"""The original client works with this server unchanged, and shows its user the cause of failures."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.end_to_end.original_client import OriginalClient, ProtocolError
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import Person, World

HOST_TOOLS = (
    "vscode",
    "claude-desktop",
    "claude-code",
    "opencode",
    "gemini-cli",
    "chatgpt",
    "jetbrains",
    "cli",
    "custom",
)


@pytest.fixture(scope="module")
def person(world: World) -> Person:
    world.publish_fixture("pipe")
    return world.person()


@pytest.fixture
def client(world: World, person: Person) -> OriginalClient:
    client = OriginalClient(world.rig.ports["port"], person.key)
    client.start()
    return client


def text_of(reply: dict[str, Any]) -> str:
    """Return the text that the model reads; assert that the result is a list of content blocks."""
    content = reply["result"]["content"]
    assert isinstance(content, list)
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def test_original_client_works_from_start_to_stop(client: OriginalClient) -> None:
    assert client.registrations == 1
    assert client.session["session_token"].startswith("amb_st_")
    expires_at = client.session["expires_at"]
    assert expires_at.endswith("Z")
    assert datetime.fromisoformat(expires_at) > datetime.now(UTC)
    listed = {tool["name"]: tool for tool in client.tools()}
    assert listed["tools__echo"]["inputSchema"]["properties"] == {"text": {"type": "string"}}
    assert all(isinstance(tool["description"], str) for tool in listed.values())
    assert text_of(client.call("tools__echo", {"text": "hi"})) == "hi"
    assert text_of(client.call("pipe__echo", {"text": "hi"})) == "hi"
    assert client.heartbeat() == 200
    assert client.stop() == 200
    assert client.heartbeat() == 401


@pytest.mark.parametrize(
    ("tool_name", "words"),
    [
        ("tools__fail", "it failed"),
        ("pipe__refuse", "no"),
        ("tools__nothing", "Unknown tool"),
        ("tools__hang_up", "tools"),
        ("pipe__crash", "pipe"),
    ],
)
def test_failure_is_returned_as_text(client: OriginalClient, tool_name: str, words: str) -> None:
    assert words in text_of(client.call(tool_name, {}))


def test_refusal_is_returned_as_text(world: World, client: OriginalClient, person: Person) -> None:
    body = {"scope": "user", "target": person.name, "reason": "incident 7"}
    switch = world.ask("POST", "kill-switches", body)
    assert "incident 7" in text_of(client.call("tools__echo", {}))
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert text_of(client.call("tools__echo", {"text": "on"})) == "on"


def test_content_of_every_kind_is_copied(world: World, directory: Any) -> None:
    content = (
        '[{"type":"image","data":"AA==","mimeType":"image/png"},{"type":"future","n":12345678901234567890}]'
    )
    script = {"tools": [tool("rich")], "replies": {"rich": f'"result":{{"content":{content},"x":1}}'}}
    world.publish("rich", "stdio", options(directory, script))
    client = OriginalClient(world.rig.ports["port"], world.person().key)
    client.start()
    copied = client.call("rich__rich", {})["result"]["content"]
    assert copied == [
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "future", "n": 12345678901234567890},
    ]


def test_lost_session_is_opened_again_and_the_call_repeated_once(client: OriginalClient) -> None:
    assert client.stop() == 200
    assert text_of(client.call("tools__echo", {"text": "again"})) == "again"
    assert client.registrations == 2
    client.session["session_token"] = "amb_st_forged"
    assert client.tools()
    assert client.registrations == 3
    assert all(isinstance(error, str) for error in client.logged)


def test_two_original_clients_share_one_key(world: World, person: Person) -> None:
    clients = [OriginalClient(world.rig.ports["port"], person.key) for _ in range(2)]
    for client in clients:
        client.start()
    for _ in range(5):
        for client in clients:
            assert text_of(client.call("tools__echo", {"text": "x"})) == "x"
    assert [client.registrations for client in clients] == [1, 1]
    assert clients[0].stop() == 200
    assert clients[1].heartbeat() == 200


def test_too_frequent_heartbeats_are_refused_as_in_the_original(client: OriginalClient) -> None:
    assert client.heartbeat() == 200
    status, answer = client.request("POST", "/v1/sessions/heartbeat", {})
    assert (status, answer["error"]) == (429, "rate_limit_exceeded")
    assert text_of(client.call("tools__echo", {"text": "x"})) == "x"


@pytest.mark.parametrize("host_tool", HOST_TOOLS)
def test_every_host_tool_of_the_original_may_register(world: World, person: Person, host_tool: str) -> None:
    OriginalClient(world.rig.ports["port"], person.key, host_tool).start()


@pytest.mark.parametrize(
    ("key", "host_tool", "words"),
    [
        ("amb_pk_" + "A" * 48, "vscode", "401 invalid_credentials"),
        ("", "vscode", "400 validation_error"),
        (None, "emacs", "400 validation_error: Invalid host_tool value"),
    ],
)
def test_failed_start_reports_the_cause(
    world: World, person: Person, key: str | None, host_tool: str, words: str
) -> None:
    client = OriginalClient(world.rig.ports["port"], person.key if key is None else key, host_tool)
    with pytest.raises(ProtocolError, match=words):
        client.start()


def test_probe_answers_as_the_original_does(client: OriginalClient) -> None:
    assert client.request("GET", "/health", None) == (200, {"status": "ok"})
