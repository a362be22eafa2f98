"""A server for the commands of a document."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Run a server in an empty directory."""
    rig = Rig(tmp_path, is_preloaded=True)
    rig.init()
    rig.start()
    try:
        yield rig
    finally:
        rig.stop()
