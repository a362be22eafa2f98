"""Fixtures: a fake server, a state directory and a proxy process."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer, running_server
from tests.client.host import Host, environment, host

_PROXIES = frozenset({"https_proxy", "http_proxy", "all_proxy", "no_proxy"})


@pytest.fixture(autouse=True)
def _no_files_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate the tests from the accounts, settings, sessions and HTTP proxy of the current user."""
    home = tmp_path / "home"
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    for name in list(os.environ):
        if name.startswith("MCP_AMBASSADOR_") or name.lower() in _PROXIES:
            monkeypatch.delenv(name)


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
    """A proxy process that has received nothing yet."""
    async with host(environment(server.url, state)) as running:
        yield running
