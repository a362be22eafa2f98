"""Users give their own credentials over REST and at the command line; no answer, output or record has a value."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_server.domain.catalog.credential_needs import CredentialField, Place
from tests import preloaded
from tests.client.terminal import at_terminal
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.credentials import declare
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Downstream, Person, World, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

GOLDENS = Path(__file__).parent / "goldens"
VALUE = "glpat-Secret0Of0A0Person"
KEY = CredentialField(
    name="token",
    place=Place.HEADER,
    target="Authorization",
    template="Bearer {}",
    title="Access token",
    help="Create one under Settings, Tokens.",
)
REGION = CredentialField(name="region", place=Place.QUERY, target="region", secret=False, required=False)


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish("notes", "streamable_http", {"url": tools.url})
        started.publish("plain", "streamable_http", {"url": tools.url})
        declare(started, "tools", KEY)
        declare(started, "notes", KEY, REGION)
        person = started.person()
        until(lambda: len(ask(started, person, "GET", "").json()["credentials"]) == 2, "the server knows")
        yield started


@pytest.fixture
def person(world: World) -> Person:
    return world.person()


@pytest.fixture
def client(world: World, person: Person, tmp_path: Path) -> Client:
    client = Client(world, tmp_path)
    client.login(person)
    return client


def ask(
    world: World, person: Person, method: str, path: str, body: Any = None, **more: Any
) -> httpx.Response:
    return world.http.request(
        method,
        f"/v1/credentials{path}",
        json=body,
        headers={"Authorization": f"Bearer {person.key}"},
        **more,
    )


def test_value_is_given_shown_as_given_and_removed(world: World, person: Person) -> None:
    before = ask(world, person, "GET", "/tools").json()
    assert (before["status"], before["missing"], before["updated_at"]) == ("missing", ["token"], None)
    put = ask(world, person, "PUT", "/tools", {"values": {"token": VALUE}})
    assert put.status_code == 200, put.text
    assert put.json() | {"updated_at": ""} == {
        "mcp": "tools",
        "display_name": "tools",
        "status": "complete",
        "granted": True,
        "fields": [
            {
                "name": "token",
                "title": "Access token",
                "help": "Create one under Settings, Tokens.",
                "place": "header",
                "secret": True,
                "required": True,
                "given": True,
            }
        ],
        "missing": [],
        "needs_connect": False,
        "connected": False,
        "scopes": [],
        "issuer": None,
        "updated_at": "",
    }
    again = ask(world, person, "PUT", "/tools", {"values": {"token": VALUE}})
    assert again.json() == put.json() == ask(world, person, "GET", "/tools").json()
    assert ask(world, person, "GET", "").json()["credentials"][1] == put.json()
    assert ask(world, person, "DELETE", "/tools").status_code == 204
    assert ask(world, person, "DELETE", "/tools").status_code == 404
    events = [
        (each["action"], each["details"]["fields"])
        for each in world.events(user=person.name)
        if each["action"].startswith("credential:")
    ]
    assert events == [("credential:user:remove", ["token"]), ("credential:user:set", ["token"])]
    assert VALUE not in str(world.events()) + world.log_text()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "values: Field required"),
        ({"values": {}}, "at least one field"),
        ({"values": {"token": 1}}, "values.token: Input should be a valid string"),
        ({"values": {"tokn": VALUE}}, "no field 'tokn'; near: 'token'"),
        ({"values": {"token": f"{VALUE}\r\nX-Evil: 1"}}, "no control characters"),
        ({"values": {"token": "x" * 9000}}, "at most 8192 bytes"),
        ({"values": {"token": VALUE}, "more": 1}, "more: "),
    ],
)
def test_wrong_body_is_refused_in_words_without_a_value(
    world: World, person: Person, body: Any, message: str
) -> None:
    refused = ask(world, person, "PUT", "/tools", body)
    assert refused.status_code == 400
    assert message in refused.json()["detail"]
    assert VALUE not in refused.text
    assert ask(world, person, "GET", "/tools").json()["status"] == "missing"


def test_large_body_and_unknown_parameters_are_refused(world: World, person: Person) -> None:
    large = ask(world, person, "PUT", "/tools", {"values": {"token": "x" * 300_000}})
    assert large.status_code == 413
    assert ask(world, person, "GET", "/tools", params={"x": "1"}).status_code == 400
    assert ask(world, person, "DELETE", "/tools", params={"fields": "token"}).status_code == 400


def test_mcps_that_are_not_granted_are_not_known(world: World) -> None:
    stranger = world.person(world.group("notes"))
    for method, body in (("GET", None), ("PUT", {"values": {"token": VALUE}}), ("DELETE", None)):
        refused = ask(world, stranger, method, "/tools", body)
        unknown = ask(world, stranger, method, "/toolz", body)
        assert refused.status_code == unknown.status_code == 404
        assert refused.json()["detail"] == unknown.json()["detail"].replace("toolz", "tools")
    assert [each["mcp"] for each in ask(world, stranger, "GET", "").json()["credentials"]] == ["notes"]
    assert ask(world, stranger, "GET", "/plain").status_code == 404
    assert world.http.get("/v1/credentials").status_code == 401


def shown(client: Client, *words: str, **more: Any) -> str:
    """Return a command and all it prints, without its time."""
    done = client.run(*words, **more)
    text = f"$ ambassador-client {' '.join(words)}\n{done.stdout}{done.stderr}"
    return re.sub(r"20\d\d-[\dT:.-]+Z", "2026-01-01T00:00:00.000Z    "[:24], text)


def test_commands_print_what_their_goldens_have(client: Client) -> None:
    parts = [
        shown(client, "credential", "list"),
        shown(client, "credential", "set", "notes", "token", "--from", "env://TOKEN", TOKEN=VALUE),
        shown(client, "credential", "set", "notes", "region", stdin="eu-west\n", expect=0),
        shown(client, "credential", "list"),
        shown(client, "credential", "list", "-o", "json"),
        shown(client, "credential", "list", "-o", "name"),
        shown(client, "credential", "remove", "notes", "region"),
        shown(client, "credential", "remove", "notes"),
        shown(client, "credential", "remove", "notes", expect=5),
        shown(client, "credential", "set", "nots", "token", expect=5, stdin=VALUE),
        shown(client, "credential", "set", "notes", "tokn", expect=5, stdin=VALUE),
        shown(client, "credential", "set", "notes", expect=2, stdin=VALUE),
        shown(client, "credential", "set", "plain", expect=5, stdin=VALUE),
        shown(client, "credential", "set", "tools", "--from", "env://NOT_SET", expect=3),
        shown(client, "credential", "set", "tools", "--from", "-", expect=3),
    ]
    text = "\n".join(parts)
    assert VALUE not in text
    golden = GOLDENS / "own-credentials.txt"
    if os.environ.get("WRITE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize(
    "words",
    [("tools", "--from", VALUE), ("tools", VALUE), ("tools", f"token={VALUE}"), ("tools", "token", VALUE)],
)
def test_value_on_the_command_line_is_refused_and_sent_nowhere(
    client: Client, world: World, person: Person, words: tuple[str, ...]
) -> None:
    refused = client.run("credential", "set", *words, expect=2)
    if words[-1] != VALUE or len(words) < 3 or "--from" in words:
        assert "command line" in refused.stderr
    assert VALUE not in world.log_text()
    assert ask(world, person, "GET", "/tools").json()["status"] == "missing"


def test_value_comes_from_a_file_a_pipe_or_a_variable(client: Client, world: World, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{VALUE}\n")
    assert client.json("credential", "set", "tools", "--from", f"file://{file}")["status"] == "complete"
    client.run("credential", "remove", "tools")
    done = client.run("credential", "set", "tools", "-o", "json", stdin=f"{VALUE}\n")
    assert json.loads(done.stdout)["status"] == "complete"
    client.run("credential", "remove", "tools")
    assert client.json("credential", "set", "tools", "--from", "env://X", X=VALUE)["missing"] == []


def test_without_a_server_a_command_says_so(client: Client, world: World) -> None:
    done = preloaded.run(
        "ambassador-client",
        "credential",
        "list",
        "--server",
        "http://127.0.0.1:9",
        env={**client.environment, "MCP_AMBASSADOR_PRESHARED_KEY": "amb_pk_" + "A" * 48},
        stdin="",
        timeout=PATIENCE,
    )
    assert done.returncode == 7
    assert done.stderr.startswith("AMB-")


async def test_prompt_hides_what_is_typed_and_ctrl_c_changes_nothing(
    client: Client, world: World, person: Person
) -> None:
    async with at_terminal("credential", "set", "notes", env=client.environment, columns=40) as terminal:
        await terminal.until("Access token: ")
        await terminal.type(f"{VALUE}\n")
        await terminal.until("region (optional): ")
        await terminal.type("\n")
        assert await terminal.end() == 0
    assert VALUE not in terminal.seen
    assert "Create one under Settings" in terminal.seen
    lines = re.sub("\x1b\\[[0-9;]*m", "", terminal.seen).splitlines()
    assert max(map(len, lines)) <= 40, lines
    async with at_terminal("credential", "set", "notes", env=client.environment) as terminal:
        await terminal.until("Access token (stored, empty keeps it): ")
        await terminal.type("other")
        await terminal.type("\x03")
        assert await terminal.end() == 130
    assert "nothing was changed" in terminal.seen
    async with at_terminal("credential", "set", "notes", env=client.environment) as terminal:
        await terminal.until("empty keeps it")
        await terminal.type("\n")
        await terminal.until("region")
        await terminal.type("\n")
        assert await terminal.end() == 0
    assert "Nothing was changed." in terminal.seen
    assert ask(world, person, "GET", "/notes").json()["status"] == "complete"
