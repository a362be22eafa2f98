"""One `tools/call` walks the route that docs/architecture.md shows, and enters each file and each room once."""

import asyncio
import re
import sys
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import ADMIN_KEY_HEADER
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import ServerConfig
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.domain.people.administrators import Role
from ambassador_server.ports.downstream import DownstreamChange
from ambassador_server.storage.migrate import upgrade
from tests.architecture.test_sizes import ROOT
from tests.end_to_end.faces import LEGACY, MODERN, Mcp
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE

PAGE = (ROOT / "docs" / "architecture.md").read_text()
WEB = "ambassador_server/web/"


def shown_route() -> list[str]:
    """Return the files, and the folders that hold one of them, on the way in as the table shows them."""
    rows = re.findall(r"^\| \d+ ↓ \| `(ambassador_server/[\w/.]+)` \|", PAGE, re.MULTILINE)
    assert rows
    return rows


class Walk:
    """Keeps the files on the way from the socket to the first request that a transport is given."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        where = Path(frame.f_code.co_filename)
        if event != "call" or self.files or frame.f_code.co_name != "request":
            return
        # A session that opens sends requests of its own; they come from no socket.
        if where.parent.name == "transports" and (files := _files_on(frame))[0].startswith(WEB):
            self.files = files


def _files_on(frame: FrameType | None) -> list[str]:
    found = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "ambassador_server"):
            found.append(path.relative_to(ROOT).as_posix())
        frame = frame.f_back
    return [file for file, _ in groupby(reversed(found))]


def _is_shown_as(file: str, shown: str) -> bool:
    return file.startswith(shown) if shown.endswith("/") else file == shown


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=repr)
@pytest.mark.parametrize("isolation", ["shared", "per_user"])
async def test_one_call_enters_each_file_and_each_room_once(
    tmp_path: Path, face: Mcp, isolation: str
) -> None:
    config = ServerConfig(data_dir=tmp_path, tls="off")
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    walk = Walk()
    try:
        key = await _published(server, isolation)
        async with TestClient(TestServer(server.client_app(None))) as client:
            wire = face.call(key, "box__echo", {"text": "hello"})
            sys.setprofile(walk)
            try:
                async with client.post(wire.path, data=wire.body, headers=wire.headers) as answer:
                    assert "hello" in await answer.text()
            finally:
                sys.setprofile(None)
    finally:
        await server.close()
    assert len(set(walk.files)) == len(walk.files), "a file is entered once"
    rooms = [room for room, _ in groupby(file.split("/")[1] for file in walk.files)]
    assert rooms == ["web", "mcp", "services", "downstream"]
    left_out = {"ambassador_server/downstream/per_user.py"} if isolation == "shared" else set()
    route = [each for each in shown_route() if each not in left_out]
    assert len(walk.files) == len(route), walk.files
    assert [
        file for file, shown in zip(walk.files, route, strict=True) if not _is_shown_as(file, shown)
    ] == []


async def _published(server: Ambassador, isolation: str) -> str:
    """Publish a fixture server and return a client key that may call it."""
    services = server.services
    ready = asyncio.Event()

    def note(change: DownstreamChange) -> None:
        if change.status is DownstreamStatus.READY:
            ready.set()

    server.base.downstreams.subscribe(note)
    await services.watch.start()
    _, secret = await services.administration.admin_keys.issue(
        Requester(None, None), name="test", roles=(Role.ADMIN,), lifetime=None
    )
    async with TestClient(TestServer(server.admin_app(None)), headers={ADMIN_KEY_HEADER: secret}) as http:
        mcp = {"name": "box", "transport": "stdio", "options": stdio_options(), "isolation": isolation}
        await _ask(http, "mcps", mcp)
        await _ask(http, "mcps/box/publish", {})
        await _ask(http, "groups", {"name": "all"})
        await _ask(http, "grants", {"group": "all", "mcp": "box"})
        await _ask(http, "users", {"name": "alice"})
        async with http.put("/v1/admin/groups/all/members/alice") as answer:
            assert answer.status < 300
        issued = await _ask(http, "keys", {"user": "alice", "name": "laptop"})
    if isolation == "shared":
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
    return str(issued["preshared_key"])


async def _ask(http: "TestClient[Any, Any] | ClientSession", path: str, body: dict[str, Any]) -> Any:
    async with http.post(f"/v1/admin/{path}", json=body) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json() if answer.content_length else None
