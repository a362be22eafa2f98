"""A server that behaves, and where the proxy may keep its files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer, running_server
from tests.client.host import Host, environment, host


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running_server() as running:
        yield running


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
async def proxy(server: FakeServer, state: Path) -> AsyncIterator[Host]:
    """A proxy process of a host that has said nothing yet."""
    async with host(environment(server.url, state)) as running:
        yield running
