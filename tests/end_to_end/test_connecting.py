"""Users connect to an MCP by OAuth with real commands, a real authorization server, and a browser without a window."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.client.terminal import at_terminal
from tests.end_to_end.connecting import (
    NAME,
    browse,
    client_of,
    code_on,
    connect,
    connecting_world,
    send,
    subject,
)
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import World, until
from tests.rig import Rig

USERS = 50


@pytest.fixture(scope="module")
def running_world(directory: Path, prepared: Rig) -> Iterator[tuple[World, str]]:
    with connecting_world(directory, prepared) as started:
        yield started


@pytest.fixture
def world(running_world: tuple[World, str]) -> World:
    return running_world[0]


def test_user_connects_with_a_browser_calls_and_disconnects(world: World, tmp_path: Path) -> None:
    person = world.person()
    client = client_of(world, person, tmp_path, "ada")
    (before,) = client.json("connections")
    assert (before["mcp"], before["status"], before["issuer"]) == (NAME, "missing", None)
    done = client.run("connect", NAME, "-o", "json")
    assert json.loads(done.stdout)["connected"] is True
    assert "Your browser opens this page" in done.stderr
    (after,) = client.json("connections")
    assert (after["status"], after["scopes"]) == ("connected", ["read", "write"])
    caller = world.session(person)
    until(lambda: f"{NAME}__received" in caller.names(LEGACY), "the user's connection lists the tools")
    assert subject(caller) == "ada"
    told = client.run("disconnect", NAME)
    assert "has revoked the access, too" in told.stderr
    assert client.json("connections")[0]["status"] == "missing"
    assert client.run("disconnect", NAME, expect=5)
    refused = caller.call(LEGACY, f"{NAME}__received", {})
    assert not refused.succeeded
    assert f"ambassador-client connect {NAME}" in refused.text


def test_each_of_many_users_is_lent_their_own_token(world: World) -> None:
    people = {world.person(): f"account-{number}" for number in range(USERS)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: connect(world, *pair), people.items()))
    callers = [(world.session(person), account) for person, account in people.items()]
    until(lambda: f"{NAME}__received" in callers[0][0].names(LEGACY), "the tools are listed")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: subject(pair[0]), callers * 2))
    assert found == [account for _, account in callers] * 2


async def test_user_without_a_browser_types_the_code(world: World, tmp_path: Path) -> None:
    person = world.person()
    client = client_of(world, person, tmp_path, "bob")
    words = ("connect", NAME, "--no-browser", "-o", "json")
    async with at_terminal(*words, env=client.environment) as terminal:
        await terminal.until("The code that the page shows:")
        (url,) = re.findall(r"http://127[^\s]+/connect/[\w-]+", terminal.seen)
        page = await asyncio.to_thread(browse, url, "bob")
        await terminal.type(f"{code_on(page.text).lower()}\n")
        assert await terminal.end() == 0
    assert client.json("connections")[0]["status"] == "connected"


def test_wrong_code_and_no_code_are_refused_in_words(world: World, tmp_path: Path) -> None:
    client = client_of(world, world.person(), tmp_path, "eve")
    early = client.run("connect", NAME, "--no-browser", expect=6, stdin="AAAAA-AAAAA\n")
    assert "has not sent the browser back yet" in early.stderr
    none = client.run("connect", NAME, "--no-browser", expect=2, stdin="")
    assert "the code is missing" in none.stderr
    both = client.run("connect", NAME, "--no-browser", "--device", expect=2)
    assert "cannot be used together" in both.stderr
    assert client.run("connect", "nowhere", expect=5)


async def test_ctrl_c_while_the_browser_is_open_ends_the_command(world: World, tmp_path: Path) -> None:
    person = world.person()
    client = client_of(world, person, tmp_path, "eve")
    environment = {**client.environment, "BROWSER": "true %s"}
    async with at_terminal("connect", NAME, env=environment) as terminal:
        await terminal.until("Your browser opens this page")
        await terminal.type("\x03")
        assert await terminal.end() == 130
    assert client.json("connections")[0]["status"] == "missing"


def test_nothing_secret_is_recorded(world: World, running_world: tuple[World, str]) -> None:
    person = world.person()
    begun = send(world, person, "POST", f"/v1/credentials/{NAME}/connect", {}).json()
    page = browse(begun["url"], "zoe")
    code = code_on(page.text)
    body = {"ticket": begun["ticket"], "code": code}
    assert send(world, person, "POST", f"/v1/credentials/{NAME}/connect/finish", body).is_success
    events = world.events(user=person.name)
    assert {each["action"] for each in events} >= {
        "credential:user:begin-connect",
        "credential:user:connect",
    }
    recorded = str(events) + world.log_text()
    for secret in (begun["ticket"], code, "eyJ"):
        assert secret not in recorded
    assert running_world[1] in recorded, "the issuer is recorded"


def shown(client: Client, *words: str, expect: int = 0, stdin: str = "") -> str:
    """Return what a command prints, without what differs in each run."""
    done = client.run(*words, expect=expect, stdin=stdin)
    text = f"$ ambassador-client {' '.join(words)}\n{done.stdout}{done.stderr}"
    text = re.sub(r"/connect/[\w-]{43}", "/connect/TICKET", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://HOST", text)
    return re.sub(r"20\d\d-[\dT:.-]+Z", "2026-01-01T00:00:00.000Z", text)


def test_commands_print_what_their_goldens_have(world: World, tmp_path: Path) -> None:
    client = client_of(world, world.person(), tmp_path, "ada")
    parts = [
        shown(client, "connections"),
        shown(client, "connect", NAME),
        shown(client, "connections"),
        shown(client, "connections", "-o", "json"),
        shown(client, "connections", "-o", "name"),
        shown(client, "connect", NAME, "-o", "json"),
        shown(client, "disconnect", NAME),
        shown(client, "disconnect", NAME, expect=5),
        shown(client, "connect", NAME, "--no-browser", expect=2),
        shown(client, "connect", NAME, "--no-browser", expect=6, stdin="AAAAA-AAAAA\n"),
        shown(client, "connect", NAME, "--no-browser", "--device", expect=2),
        shown(client, "connect", "mial", expect=5),
    ]
    text = "\n".join(parts)
    golden = Path(__file__).parent / "goldens" / "connecting.txt"
    if os.environ.get("WRITE_GOLDENS"):
        golden.write_text(text)
    assert text == golden.read_text()
