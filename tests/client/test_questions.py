"""Questions of a tool during `call`, answered, declined or cancelled at a terminal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.client.terminal import Terminal, at_terminal
from tests.client.test_cli import run

FORM = {
    "name": {"type": "string", "title": "Your name"},
    "age": {"type": "integer"},
    "colour": {"oneOf": [{"const": "red", "title": "Red"}, {"const": "blue", "title": "Blue"}]},
    "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}},
    "loud": {"type": "boolean", "default": True},
    "note": {"type": "string"},
}
SCHEMA = {"type": "object", "properties": FORM, "required": ["name", "age", "colour", "tags", "loud"]}


@pytest.fixture
def env(server: FakeServer, state: Path) -> Mapping[str, str]:
    server.tools = [{"name": "interview", "inputSchema": {"type": "object"}}]
    return environment(server.url, state)


def question(**params: Any) -> dict[str, Any]:
    return {"method": "elicitation/create", "params": {"message": "Who\x1b[2J are you?", **params}}


def words(**arguments: Any) -> list[str]:
    return ["call", "interview", "--json", json.dumps(arguments)]


def answered(terminal: Terminal) -> Any:
    return json.loads(terminal.seen[terminal.seen.rindex('{"answers"') :])


async def test_a_form_is_filled_in_field_by_field(env: Mapping[str, str]):
    asked = {"q1": question(mode="form", requestedSchema=SCHEMA)}
    async with at_terminal(*words(requests=asked), env=env) as terminal:
        await terminal.until("interview asks: Who [2J are you?")
        await terminal.until("Answer? [y/N]")
        await terminal.type("y\n")
        await terminal.until("Your name (string):")
        await terminal.type("Zoë\n")
        await terminal.until("age (integer):")
        await terminal.type("\udcff\n")
        await terminal.until("that is not UTF-8 text")
        await terminal.type("old\n")
        await terminal.until("age must be integer, not 'old'")
        await terminal.type("7\n")
        await terminal.until("colour (red, blue):")
        await terminal.type("blue\n")
        await terminal.until("tags (array):")
        await terminal.type("a, c\n")
        await terminal.until("loud (boolean; default true):")
        await terminal.type("\n")
        await terminal.until("note (string; may be left empty):")
        await terminal.type("\n")
        assert await terminal.end() == 0
    told = answered(terminal)
    content = {"name": "Zoë", "age": 7, "colour": "blue", "tags": ["a", "c"], "loud": True}
    assert told["answers"] == {"q1": {"action": "accept", "content": content}}
    assert set(told["declared"]["elicitation"]) == {"form", "url"}


@pytest.mark.parametrize(
    ("typed", "action"), [("n\n", "decline"), ("\n", "decline"), ("\x04", "cancel"), ("y\n\x04", "cancel")]
)
async def test_a_question_can_be_declined_and_cancelled(env: Mapping[str, str], typed: str, action: str):
    asked = {"q1": question(requestedSchema=SCHEMA)}
    async with at_terminal(*words(requests=asked), env=env) as terminal:
        await terminal.until("Answer? [y/N]")
        first, *rest = typed
        await terminal.type(typed if first != "y" else "y\n")
        if first == "y":
            await terminal.until("Your name")
            await terminal.type(rest[-1])
        assert await terminal.end() == 0
    assert answered(terminal)["answers"] == {"q1": {"action": action}}


async def test_a_url_is_shown_and_not_opened(env: Mapping[str, str], server: FakeServer):
    asked = {"q1": question(mode="url", url=f"{server.url}/secret-page")}
    before = len(server.calls)
    async with at_terminal(*words(requests=asked), env=env) as terminal:
        await terminal.until("/secret-page")
        await terminal.type("y\n")
        assert await terminal.end() == 0
    assert answered(terminal)["answers"] == {"q1": {"action": "accept"}}
    assert len(server.calls) == before + 3, "the list, the call, the call again"


async def test_each_question_is_answered_by_a_new_request(env: Mapping[str, str], server: FakeServer):
    async with at_terminal(*words(rounds=3), env=env) as terminal:
        assert await terminal.end() == 0
    calls = [each.message for each in server.calls if each.message["method"] == "tools/call"]
    assert len({each["id"] for each in calls}) == len(calls) == 4
    assert [each["params"].get("requestState") for each in calls] == [None, "1", "2", "3"]
    async with at_terminal(*words(rounds=None), env=env) as terminal:
        assert await terminal.end() == 1
    assert "asks again and again" in terminal.seen


@pytest.mark.parametrize("method", ["sampling/createMessage", "roots/list", "elicitation/create"])
async def test_no_question_is_asked_without_a_terminal(
    env: Mapping[str, str], server: FakeServer, method: str
):
    code, output, errors = await run(*words(requests={"q": {"method": method, "params": {}}}), env=env)
    assert (code, output) == (1, "")
    assert "asks a question that this client cannot answer" in errors
    declared = server.calls[-1].message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert declared == {}


async def test_ctrl_c_at_the_prompt_ends_the_command(env: Mapping[str, str]):
    async with at_terminal(*words(requests={"q": question()}), env=env) as terminal:
        await terminal.until("Answer? [y/N]")
        await terminal.type("\x03")
        assert await terminal.end() == 130
