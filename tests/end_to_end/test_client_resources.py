"""Resources and prompts from a shell, against a real server and a real downstream."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import World, running
from tests.rig import Rig


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish_fixture("memo", "--offers", "tools,resources,prompts")
        yield started


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    client = Client(world, tmp_path)
    client.login(world.person())
    return client


def test_resources_are_listed_and_read(client: Client) -> None:
    listed = client.json("resources", "list")
    assert {each["resource"]: each["template"] for each in listed} == {
        **{f"memo://{number}": False for number in range(3)},
        "memo://{number}": True,
    }
    assert client.run("resources", "list").stdout.startswith("RESOURCE ")
    for uri in ("memo://1", "memo://77"):
        assert client.run("resources", "read", uri).stdout == f"fixture {uri}\n"
    (contents,) = client.json("resources", "read", "memo://2")["contents"]
    assert contents["text"] == "fixture memo://2"


def test_prompts_are_listed_and_got(client: Client) -> None:
    (prompt,) = client.json("prompts", "list")
    assert prompt == {"prompt": "memo__greet", "arguments": "[whom]", "description": "Greet."}
    for name in ("memo__greet", "memo.greet", "memo:greet"):
        shown = client.run("prompts", "get", name, "whom=Ada").stdout
        assert shown == "user:\nHello Ada\n\nuser:\nmemo://2\n"
    file = client.home / "whom.txt"
    file.write_text("Grace")
    messages = client.json("prompts", "get", "memo__greet", f"whom=@{file}")["messages"]
    assert messages[0]["content"]["text"] == "Hello Grace"


def test_misspelt_names_and_arguments_are_explained(client: Client) -> None:
    refused = client.run("prompts", "get", "memo__gret", expect=5).stderr
    assert refused == (
        "AMB-1002 there is no prompt 'memo__gret' that you may get. Did you mean memo__greet?\n"
    )
    refused = client.run("prompts", "get", "memo__greet", "who=Ada", expect=2).stderr
    assert refused == "AMB-1001 the prompt takes no argument 'who'. It takes: whom.\n"


def test_what_is_not_granted_or_selected_is_not_there(world: World, tmp_path: Path) -> None:
    group = world.group()
    world.ask("PUT", "grants", {"group": group, "mcp": "memo", "resources": ["memo://1", "memo://2"]})
    client = Client(world, tmp_path)
    client.login(world.person(group))
    assert [each["resource"] for each in client.json("resources", "list")] == ["memo://1", "memo://2"]
    assert client.json("prompts", "list") == []
    assert "You have no prompts" in client.run("prompts", "list").stderr
    refused = client.run("resources", "read", "memo://0", expect=5).stderr
    assert refused.startswith(
        "AMB-1002 there is no resource 'memo://0' that you may read. Did you mean memo://"
    )
    client.run("select", "memo", "--resource", "memo://2")
    refused = client.run("resources", "read", "memo://1", expect=4).stderr
    assert "not_selected" in refused
    assert "Run: ambassador-client catalog show memo" in refused


def test_reads_and_gets_are_recorded_as_such(client: Client, world: World) -> None:
    client.run("resources", "read", "memo://1")
    client.run("prompts", "get", "memo__greet")
    recorded = {
        (event["resource"]["kind"], event["resource"]["name"])
        for event in world.events()
        if event["resource"]
    }
    assert {("resource", "memo://1"), ("prompt", "memo.greet")} <= recorded
