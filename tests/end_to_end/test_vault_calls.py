"""Calls beside the vault: through rotations, after a stolen row or a lost key, and after what ends a credential."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY, REST
from tests.end_to_end.test_lent_credentials import OF_REQUESTS, give, need, received, send, token_in
from tests.end_to_end.world import Caller, Person, World, downstream, running, until
from tests.rig import Rig

PEOPLE = 6


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


def refusal(caller: Caller) -> str:
    answer = caller.call(LEGACY, "web__received")
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
    assert "credential_missing" in refusal(caller)
