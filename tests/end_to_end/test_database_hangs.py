"""A database that hangs: what is asked for is refused with the reason, and no list is empty because of it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.end_to_end.faces import FACES, MCP_FACES, REST, Face
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Caller, World, until

# The bytes of the shared-memory file that SQLite locks to read and to write (https://sqlite.org/walformat.html).
_LOCKS = (120, 8)


@contextmanager
def hanging(world: World) -> Iterator[None]:
    """Hold every lock of the server's database, as a stuck process does: neither readers nor writers get an answer."""
    first, count = _LOCKS
    with (world.rig.data_dir / "ambassador.db-shm").open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX, count, first)
        yield


@pytest.fixture(scope="module")
def stale(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, Client]]:
    """Return a caller and a client of one user, while the server cannot confirm its policy."""
    person = world.person()
    caller, client = world.session(person), Client(world, tmp_path_factory.mktemp("client"))
    client.login(person)
    with hanging(world):
        until(lambda: not ready(world)["policy"], "the policy is stale")
        yield caller, client
    until(lambda: all(ready(world).values()), "the server is ready again")


def ready(world: World) -> dict[str, bool]:
    """Return the checks of `/ready`."""
    checks: dict[str, bool] = world.http.get("/ready").json()["checks"]
    return checks


def me(caller: Caller, path: str) -> httpx.Response:
    """Ask for the caller's own access."""
    return caller.http.get(f"/v1/me{path}", headers={"X-Session-Token": caller.secret})


def test_no_list_is_empty_while_the_policy_is_stale(world: World, stale: tuple[Caller, Client]) -> None:
    caller, client = stale
    for face in FACES:
        response = caller.send(face.listing(caller.secret))
        answer = face.read(response.status_code, response.content)
        assert answer.failed, (face, answer)
        assert "policy_stale" in answer.text, (face, answer)
    for face in MCP_FACES:
        error = caller.send(face.listing(caller.secret)).json()["error"]
        assert (error["code"], error["data"]["reason"]) == (-31001, "policy_stale")
    for response in (caller.send(REST.listing(caller.secret)), me(caller, "/catalog")):
        problem = response.json()
        assert (response.status_code, problem["code"], problem["error"]) == (503, "AMB-4004", "policy_stale")
    status = me(caller, "").json()
    assert (status["refused"], status["tools"]) == ("policy_stale", 0)
    for words, code in ((("tools", "list"), 4), (("catalog", "list"), 7)):
        assert "policy_stale" in client.run(*words, expect=code).stderr


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_stale_policy_tells_no_tool_from_one_that_does_not_exist(
    face: Face, stale: tuple[Caller, Client]
) -> None:
    caller, _ = stale
    known, unknown = (caller.call(face, tool) for tool in ("tools__echo", "tools__nothing"))
    assert known.failed
    assert "policy_stale" in known.text
    assert unknown.text == known.text.replace("tools__echo", "tools__nothing")
