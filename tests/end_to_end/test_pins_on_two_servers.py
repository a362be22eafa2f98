"""Two servers on one database hold a tool to the same approved definition."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import GROUP, Caller, World, assert_refused, end, until
from tests.rig import Rig
from tests.server.storage.postgres import shared_server


@pytest.fixture(params=["sqlite", "postgresql"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Run two servers on one database, with the same keys."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            database = stack.enter_context(shared_server())
            asyncio.run(create_database(database.url("postgres"), "pins"))
            url = database.url("pins")
        else:
            url = f"sqlite:///{tmp_path / 'shared.db'}"
        first = rig(tmp_path / "first", url)
        made = first.run(
            "ambassador-server", "init", "--data-dir", str(first.data_dir), *first.server_flags, "--json"
        )
        first.facts = json.loads(made.stdout)
        second = rig(tmp_path / "second", url)
        second.facts = first.facts
        shutil.copytree(first.data_dir, second.data_dir, ignore=shutil.ignore_patterns("audit"))
        worlds = (World(first), World(second))
        for world in worlds:
            stack.callback(end, world.rig)
            world.start()
            stack.callback(world.close_connections)
        yield worlds


def rig(directory: Path, database_url: str) -> Rig:
    """Return a server that is named like its directory."""
    directory.mkdir()
    configuration = directory / "server.yaml"
    configuration.write_text(json.dumps({"node": directory.name, "database_url": database_url}))
    return Rig(directory, tls=False, is_preloaded=True, server_flags=("--config", str(configuration)))


async def create_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()


def test_approval_on_one_server_is_in_force_on_the_other(
    servers: tuple[World, World], tmp_path: Path
) -> None:
    here, there = servers
    here.ask("POST", "groups", {"name": GROUP})
    script = options(tmp_path, {"tools": [tool("edit", annotations={"destructiveHint": False})]})
    here.publish("hostile", "stdio", script)
    person = here.person()

    def state(world: World) -> Any:
        return [each["approval"] for each in world.ask("GET", "mcps/hostile/tools")["items"]]

    callers = {world.rig.directory.name: session(world, person.key) for world in servers}
    until(lambda: callers["second"].call(LEGACY, "hostile__edit").succeeded, "the second server knows it")
    changed = {"tools": [tool("edit", annotations={"readOnlyHint": True})]}
    Path(script["command"][-1]).write_text(json.dumps(changed), encoding="utf-8")
    for world in servers:
        world.ask("POST", "mcps/hostile/restart")
    for world in servers:
        until(lambda at=world: state(at) == ["changed"], "each server has read the list")
    for caller in callers.values():
        assert_refused(caller, "definition_changed", tool="hostile__edit")
    there.rig.admin("mcp", "approve", "hostile")
    until(lambda: state(here) == ["approved"], "the first server knows of the approval")
    for caller in callers.values():
        for face in FACES:
            assert caller.names(face) == ["hostile__edit"]
            assert caller.call(face, "hostile__edit").succeeded


def session(world: World, key: str) -> Caller:
    until(lambda: world.register(key).is_success, "the server knows the key")
    opened = world.register(key).json()
    return Caller(world.http, opened["session_token"], opened["session_id"], opened["connection_id"])
