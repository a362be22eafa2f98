"""Calls beside the vault: through rotations, after a stolen row or a lost key, and after what ends a credential."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY, REST
from tests.end_to_end.test_lent_credentials import (
    OF_PROGRAM,
    OF_REQUESTS,
    give,
    need,
    received,
    send,
    token_in,
)
from tests.end_to_end.test_vault import encodings
from tests.end_to_end.world import Caller, Person, World, downstream, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

PEOPLE = 6
VALUE = "xoxp-Only~For+The/Right_Person-7f3a"


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Return a server of this test alone, with an MCP that returns the credential that it received."""
    with (
        downstream(tmp_path, "--http", server="echoing_server") as web,
        running(tmp_path, prepared, limits=GENEROUS) as started,
    ):
        need(started, "web", "streamable_http", {"url": web.url}, OF_REQUESTS)
        first = started.person()
        give(started, first, "web", token="first-of-all")
        caller = started.session(first)
        until(lambda: "web__received" in caller.names(LEGACY), "web lists its tools")
        yield started


def vault(world: World, *words: str) -> None:
    world.rig.run("ambassador-server", "vault", *words, "--data-dir", str(world.rig.data_dir))


def someone(world: World, value: str) -> tuple[Person, Caller]:
    person = world.person()
    give(world, person, "web", token=value)
    return person, world.session(person)


def refusal(caller: Caller, kind: str = "web") -> str:
    answer = caller.call(LEGACY, f"{kind}__received")
    assert answer.failed, answer
    return answer.text


def test_everybody_is_lent_their_own_value_while_the_keys_are_rotated(world: World) -> None:
    callers = [(someone(world, f"secret-{number}")[1], f"secret-{number}") for number in range(PEOPLE)]
    over, wrong, calls = threading.Event(), list[Any](), [0] * PEOPLE

    def work(number: int) -> None:
        caller, value = callers[number]
        while not over.is_set():
            found = token_in(received(caller, "web", (LEGACY, REST)[calls[number] % 2]))
            calls[number] += 1
            if found != value:
                wrong.append((found, value))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            vault(world, "new-key")
            vault(world, "rotate", "--batch", "1")
        seen = list(calls)
        until(lambda: all(now > before for now, before in zip(calls, seen, strict=True)), "all call again")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    for number in (1, 2):
        (world.rig.data_dir / "keys" / f"vault-{number}").unlink()
    world.restart()
    for caller, value in callers:
        assert token_in(received(caller, "web")) == value


@pytest.mark.parametrize("kind", ["web", "program"])
def test_no_file_of_the_server_has_a_value_after_calls_of_every_end(world: World, kind: str) -> None:
    """Calls that succeed, that the MCP refuses, that are cancelled by a kill switch, and whose program dies."""
    if kind == "program":
        need(world, kind, "stdio", stdio_options("--", server="echoing_server"), OF_PROGRAM)
    person = world.person()
    give(world, person, kind, token=VALUE)
    caller = world.session(person)
    until(lambda: f"{kind}__received" in caller.names(LEGACY), "it lists its tools")
    assert token_in(received(caller, kind)) == VALUE
    caller.call(LEGACY, f"{kind}__nothing", {"token": "other"})
    caller.call(LEGACY, f"{kind}__leak")
    world.ask("POST", f"mcps/{kind}/restart")
    assert token_in(received(caller, kind, REST)) == VALUE
    switch = world.ask("POST", "kill-switches", {"scope": "mcp", "target": kind, "reason": "x"})["id"]
    refusal(caller, kind)
    world.ask("POST", f"kill-switches/{switch}/lift")
    shown = [json.dumps(world.events()), world.log_text(), json.dumps(world.ask("GET", f"mcps/{kind}"))]
    shown += [json.dumps(world.ask("GET", f"mcps/{kind}/logs"))] if kind == "program" else []
    assert world.rig.stop() == 0
    files = [path for path in world.rig.data_dir.rglob("*") if path.is_file()]
    contents = [path.read_bytes() for path in files] + [text.encode() for text in shown]
    assert len(files) > 8
    assert [content[:80] for content in contents for each in encodings(VALUE) if each in content] == []


def test_stolen_row_is_refused_at_the_call_and_never_sent(world: World) -> None:
    alice, _ = someone(world, "of-alice")
    mallory, caller = someone(world, "of-mallory")
    assert world.rig.stop() == 0
    with closing(sqlite3.connect(world.rig.data_dir / "ambassador.db")) as database, database:
        owned = "SELECT credential_id FROM user_credentials JOIN users USING (user_id) WHERE name = ?"
        database.execute(
            "UPDATE credential_secrets SET sealed = (SELECT sealed FROM credential_secrets "
            f"WHERE credential_id = ({owned})) WHERE credential_id = ({owned})",
            (alice.name, mallory.name),
        )
    world.start()
    text = refusal(caller)
    assert "credential_missing" in text
    assert "of-alice" not in text + world.log_text() + str(world.events())
    give(world, mallory, "web", token="given-again")
    assert token_in(received(caller, "web")) == "given-again"


def test_lost_key_refuses_calls_and_its_return_permits_them_at_once(world: World) -> None:
    _, caller = someone(world, "of-alice")
    key = world.rig.data_dir / "keys" / "vault-1"
    assert world.rig.stop() == 0
    kept = key.rename(world.rig.directory / "vault-1")
    world.start()
    assert "credential_missing" in refusal(caller)
    assert "vault-1" in world.log_text()
    kept.rename(key)
    assert token_in(received(caller, "web")) == "of-alice"


def test_what_ends_a_credential_ends_it_with_the_next_call(world: World) -> None:
    person, caller = someone(world, "of-alice")
    stop = {"scope": "user", "target": person.name, "reason": "lost laptop", "message": "stopped"}
    for target in (stop, {**stop, "scope": "mcp", "target": "web"}):
        switch = world.ask("POST", "kill-switches", target)["id"]
        assert "stopped by an administrator" in refusal(caller)
        world.ask("POST", f"kill-switches/{switch}/lift")
        assert token_in(received(caller, "web")) == "of-alice"
    world.ask("POST", "credentials/revoke", {"user": person.name, "mcp": "web"})
    assert "credential_missing" in refusal(caller)
    give(world, person, "web", token="another")
    assert token_in(received(caller, "web")) == "another"
    send(world, person, "DELETE", "web?field=token")
    assert "credential_missing" in refusal(caller)
    give(world, person, "web", token="last")
    world.ask("PATCH", f"users/{person.name}", {"status": "deactivated"})
    world.ask("PATCH", f"users/{person.name}", {"status": "active"})
    assert "credential_missing" not in refusal(caller), "the key ended as well"
    issued = world.ask("POST", "keys", {"user": person.name, "name": "another"})
    again = world.session(Person(person.name, issued["key"]["id"], issued["preshared_key"]))
    assert "credential_missing" in refusal(again)
