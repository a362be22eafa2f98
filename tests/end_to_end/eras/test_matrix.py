"""Seventeen features of the protocol, hosts and downstreams of both eras, downstreams over both transports.

The counterparts are the SDK's: its client as the host, its servers as the downstreams, those of the legacy era of the
last version that knew no other. The same hosts also come through the client, over stdio, as most people connect theirs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters

from tests.end_to_end.eras.features import FEATURES, Cell
from tests.end_to_end.eras.hosts import Told, connected, host
from tests.end_to_end.world import Person, World, running
from tests.python_homes import home
from tests.rig import BIN, Rig

# The client says so of each method that only the legacy era has.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

ERAS, TRANSPORTS = ("legacy", "modern"), ("stdio", "http")
_LEGACY_SDK = "mcp==1.30.0"


@dataclass(frozen=True)
class Matrix:
    """A server with one MCP of each era over each transport, and a user who may use all of them."""

    world: World
    person: Person
    records: dict[str, Path]


def command(era: str, name: str, record: Path) -> list[str]:
    """Return the command line of a downstream."""
    python = home(_LEGACY_SDK) / "bin" / "python" if era == "legacy" else Path(sys.executable)
    return [str(python), str(Path(__file__).with_name(f"{era}_server.py")), name, str(record)]


@contextmanager
def over_http(words: list[str]) -> Iterator[dict[str, Any]]:
    """Run a downstream in a process of its own, and yield the options that reach it."""
    with subprocess.Popen([*words, "--http"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def matrix(directory: Path, prepared: Rig) -> Iterator[Matrix]:
    records = {
        f"{era}-{transport}": directory / f"{era}-{transport}" for era in ERAS for transport in TRANSPORTS
    }
    unpinned = {"pin": "off"}  # otherwise a tool that is new waits for an administrator
    with ExitStack() as stack:
        world = stack.enter_context(running(directory, prepared))
        for name, record in records.items():
            record.touch()
            era, _, transport = name.partition("-")
            words = command(era, name, record)
            if transport == "stdio":
                world.publish(name, "stdio", {"command": words}, **unpinned)
            else:
                world.publish(name, "streamable_http", stack.enter_context(over_http(words)), **unpinned)
        yield Matrix(world, world.person(), records)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("downstream_era", ERAS)
@pytest.mark.parametrize("host_era", ERAS)
@pytest.mark.parametrize("feature", FEATURES)
async def test_feature(matrix: Matrix, feature: str, host_era: str, downstream_era: str, transport: str):
    mcp = f"{downstream_era}-{transport}"
    url, key = f"{matrix.world.rig.client_url}/mcp", matrix.person.key
    async with host(url, key, host_era, log_level="info") as (client, told):
        await FEATURES[feature](Cell(client, told, host_era, downstream_era, mcp, matrix.records[mcp]))


@pytest.mark.parametrize("downstream_era", ERAS)
@pytest.mark.parametrize(
    ("feature", "host_era"),
    # The modern protocol has no ping, and the client answers one as it answers that of a legacy host.
    [(feature, era) for feature in FEATURES for era in ERAS if (feature, era) != ("ping", "modern")],
)
async def test_feature_through_the_client(
    matrix: Matrix, tmp_path: Path, feature: str, host_era: str, downstream_era: str
):
    mcp = f"{downstream_era}-stdio"
    places = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    environment = (
        matrix.world.rig.environment() | matrix.world.rig.client_environment(matrix.person.key) | places
    )
    proxy = StdioServerParameters(command=str(BIN / "ambassador-client"), args=["proxy"], env=environment)
    async with connected(proxy, host_era, Told(), log_level="info") as (client, told):
        await FEATURES[feature](Cell(client, told, host_era, downstream_era, mcp, matrix.records[mcp]))
