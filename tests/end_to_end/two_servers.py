"""Two servers on one database, with the same keys."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.end_to_end.world import Caller, World, end, until
from tests.rig import Rig
from tests.server.storage.postgres import shared_server

DATABASES = ("sqlite", "postgresql")


@contextmanager
def two_servers(
    directory: Path,
    database: str,
    *,
    tls: bool = False,
    own: Callable[[str], dict[str, Any]] = lambda _: {},
    **settings: Any,
) -> Iterator[tuple[World, World]]:
    """Run two servers on a new database of this kind.

    `settings` go into the configuration of both, and what `own` returns into that of the server of this name.
    """
    with ExitStack() as stack:
        url = f"sqlite:///{directory / 'shared.db'}"
        if database == "postgresql":
            server = stack.enter_context(shared_server())
            asyncio.run(_create_database(server.url("postgres"), "shared"))
            url = server.url("shared")
        first, second = (
            _rig(directory / name, url, {**settings, **own(name)}, tls=tls) for name in ("first", "second")
        )
        made = first.run(
            "ambassador-server", "init", "--data-dir", str(first.data_dir), *first.server_flags, "--json"
        )
        first.facts = second.facts = json.loads(made.stdout)
        worlds = (World(first), World(second))
        for world in worlds:
            stack.callback(end, world.rig)
            world.start()
            stack.callback(world.close_connections)
            if world.rig is first:
                # Only now, because a server makes its first master key when it starts.
                ignored = shutil.ignore_patterns("audit", "*.db*")
                shutil.copytree(first.data_dir, second.data_dir, ignore=ignored)
        yield worlds


def _rig(directory: Path, database_url: str, settings: dict[str, Any], *, tls: bool) -> Rig:
    """Return a server that is named like its directory."""
    directory.mkdir()
    configuration = directory / "server.yaml"
    configuration.write_text(json.dumps({"node": directory.name, "database_url": database_url, **settings}))
    return Rig(directory, tls=tls, is_preloaded=True, server_flags=("--config", str(configuration)))


async def _create_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()


def session(world: World, key: str) -> Caller:
    """Open a session with a key that a server may not know yet."""
    until(lambda: world.register(key).is_success, "the server knows the key")
    opened = world.register(key).json()
    return Caller(world.http, opened["session_token"], opened["session_id"], opened["connection_id"])
