"""The commands `resources` and `prompts`: what a server may answer, and how it is shown and saved."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ambassador_client.cli.tool_result import FileSaver, show_contents, show_messages
from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.client.terminal import at_terminal
from tests.client.test_cli import run

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def env(server: FakeServer, state: Path) -> dict[str, str]:
    return environment(server.url, state)


def answers(server: FakeServer, method: str, *results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Let the server answer a method with these results in turn, and return the params as they come."""
    left, asked = list(results), []

    async def answer(_: FakeServer, message: Any, __: web.Request) -> dict[str, Any]:
        asked.append(message["params"])
        return dict(left.pop(0))

    server.methods[method] = answer
    return asked


def blob(data: bytes, media_type: str, uri: str = "a://b") -> dict[str, Any]:
    return {"uri": uri, "mimeType": media_type, "blob": base64.b64encode(data).decode()}


async def test_every_page_of_a_list_is_read(server: FakeServer, env: dict[str, str]):
    asked = answers(
        server,
        "resources/list",
        {"resources": [{"uri": "a://1", "name": "one", "title": "The first"}], "nextCursor": ""},
        {"resources": [{"uri": "a://2", "name": "two", "mimeType": "x/y"}], "nextCursor": "c"},
        {"resources": []},
    )
    answers(server, "resources/templates/list", {"resourceTemplates": [{"uriTemplate": "a://{n}"}]})
    code, output, errors = await run("resources", "list", "-o", "json", env=env)
    assert (code, errors) == (0, "")
    rows = json.loads(output)
    assert [(row["resource"], row["template"]) for row in rows] == [
        ("a://1", False),
        ("a://2", False),
        ("a://{n}", True),
    ]
    assert [row["name"] for row in rows] == ["The first", "two", None]
    assert [params.get("cursor") for params in asked] == [None, "", "c"]


async def test_a_list_without_an_end_is_given_up(server: FakeServer, env: dict[str, str]):
    async def answer(_: FakeServer, message: Any, __: web.Request) -> dict[str, Any]:
        return {"prompts": [], "nextCursor": "again"}

    server.methods["prompts/list"] = answer
    code, output, errors = await run("prompts", "list", env=env)
    assert (code, output) == (1, "")
    assert "more than 1000 pages" in errors


@pytest.mark.parametrize(
    "items", [None, {}, "x", [1], [{}], [{"uri": 1}], [{"name": "without a URI"}]], ids=repr
)
async def test_a_list_that_is_none_is_reported(server: FakeServer, env: dict[str, str], items: Any):
    answers(server, "resources/list", {"resources": items})
    code, output, errors = await run("resources", "list", env=env)
    assert (code, output, errors[:9]) == (1, "", "AMB-5005 ")


async def test_a_server_without_these_methods_is_reported(env: dict[str, str]):
    for words in (["resources", "list"], ["resources", "read", "a://b"], ["prompts", "list"]):
        code, output, errors = await run(*words, env=env)
        assert (code, output) == (1, "")
        assert "Method not found" in errors


async def test_contents_are_shown_or_saved(server: FakeServer, env: dict[str, str], tmp_path: Path):
    contents = [
        {"uri": "a://b", "text": "Hello\x1b[2J"},
        blob(b"\0\1", "application/zip"),
        blob(PNG, "image/png"),
    ]
    asked = answers(server, "resources/read", *[{"contents": contents}] * 3)
    code, output, errors = await run(
        "resources", "read", "a://ü/b c", "--save", str(tmp_path / "out"), env=env
    )
    assert (code, output) == (0, "Hello\x1b[2J\n")
    assert asked[0]["uri"] == "a://ü/b c"
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "b-c-1.zip": b"\0\1",
        "b-c-2.png": PNG,
    }
    assert errors.count("saved as") == 2
    code, _, errors = await run("resources", "read", "a://b", env=env)
    saved = [Path(line.rpartition("saved as ")[2]) for line in errors.splitlines()]
    assert [path.read_bytes() for path in saved] == [b"\0\1", PNG]
    assert saved[0].parent.stat().st_mode & 0o077 == 0
    code, output, _ = await run("resources", "read", "a://b", "-o", "json", env=env)
    assert json.loads(output)["contents"] == contents


async def test_a_prompt_gets_its_arguments_as_texts(server: FakeServer, env: dict[str, str]):
    declared = [{"name": "pr", "required": True}, {"name": "tone"}, "no argument", {"name": 1}]
    prompt = {"name": "git__review", "description": "Reviews\nit.", "arguments": declared}
    listed = {"prompts": [prompt, {"name": "bare", "arguments": None}]}
    answers(server, "prompts/list", *[listed] * 6)
    asked = answers(server, "prompts/get", *[{"messages": []}] * 3)
    code, output, _ = await run("prompts", "list", "-o", "json", env=env)
    assert json.loads(output) == [
        {"prompt": "git__review", "arguments": "pr [tone]", "description": "Reviews it."},
        {"prompt": "bare", "arguments": "", "description": ""},
    ]
    assert (await run("prompts", "get", "git.review", "pr=17", "tone=true", env=env))[0] == 0
    assert (asked[0]["name"], asked[0]["arguments"]) == ("git__review", {"pr": "17", "tone": "true"})
    for words, complaint in (
        (["git__review"], "the argument 'pr' is missing"),
        (["git__review", "pr=1", "toen=x"], "the prompt takes no argument 'toen'. It takes: pr, tone."),
        (["git__review", "pr"], "'pr' is not an argument"),
        (["git__review", "pr=1", "pr=2"], "pr is given 2 times"),
    ):
        code, output, errors = await run("prompts", "get", *words, env=env)
        assert (code, output) == (2, "")
        assert complaint in errors
    assert len(asked) == 1


@pytest.mark.parametrize("method", ["resources/read", "prompts/get"])
async def test_questions_are_answered_at_a_terminal(server: FakeServer, env: dict[str, str], method: str):
    question = {"method": "elicitation/create", "params": {"message": "Sure?", "requestedSchema": {}}}
    asking = {"resultType": "input_required", "inputRequests": {"q": question}, "requestState": "s"}
    answers(server, "prompts/list", {"prompts": []})
    asked = answers(server, method, asking, {"contents": [], "messages": []})
    words = {"resources/read": ["resources", "read", "a://b"], "prompts/get": ["prompts", "get", "x"]}
    async with at_terminal(*words[method], env=env) as terminal:
        await terminal.until("asks: Sure?")
        await terminal.type("y\n")
        assert await terminal.end() == 0
    assert "requestState" not in asked[0]
    assert asked[1]["requestState"] == "s"
    assert asked[1]["inputResponses"]["q"]["action"] == "accept"


@pytest.mark.parametrize(
    "contents", [None, 1, [1, None, {}, {"text": 1}, {"blob": 1}, {"blob": "!"}]], ids=repr
)
def test_odd_contents_are_survived(contents: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    show_contents({"contents": contents}, FileSaver(tmp_path, ""))
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_messages_stand_after_their_roles(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    inside = {"type": "resource", "resource": blob(PNG, "image/png")}
    messages = [
        {"role": "user", "content": {"type": "text", "text": "Look:"}},
        {"role": "user", "content": inside},
        {
            "role": "assistant\nroot",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        None,
    ]
    show_messages({"messages": messages}, FileSaver(tmp_path, "look"))
    shown = capsys.readouterr()
    assert shown.out == "user:\nLook:\n\nuser:\n\nassistant root:\na\nb\n\nNone:\n"
    assert "saved as" in shown.err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [PNG]
