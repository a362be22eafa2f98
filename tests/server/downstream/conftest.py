"""No test of this folder may leave a process behind."""

import time
from collections.abc import Iterator

import pytest

from tests.server.downstream.support import PATIENCE, children, note_strangers


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    note_strangers()
    yield
    deadline = time.monotonic() + PATIENCE
    while children() and time.monotonic() < deadline:
        time.sleep(0.01)  # what was killed needs a moment to die
    assert children() == set()
