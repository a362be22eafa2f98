"""One initialised data directory, and one server per module on a copy of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.world import Downstream, World, downstream, running
from tests.rig import Rig

GENEROUS = {"body_bytes": 65536, "failed_logins": "100000/minute"}
"""The smallest body limit, and no throttling of the many invalid keys of a test."""


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Return a rig whose data directory is initialised; tests copy it."""
    rig = Rig(tmp_path_factory.mktemp("prepared"), tls=False, is_preloaded=True)
    rig.init()
    return rig


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of this module's server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def shared_downstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Downstream]:
    """Run a downstream that records its calls."""
    with downstream(tmp_path_factory.mktemp("downstream")) as running_downstream:
        yield running_downstream


@pytest.fixture(scope="module")
def tools(shared_downstream: Downstream) -> Downstream:
    """Return the downstream with only the calls of this module."""
    return shared_downstream.from_here()


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that has published the downstream as `tools`."""
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started
