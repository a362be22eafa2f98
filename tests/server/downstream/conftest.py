"""Fails a test of this folder that leaves a process running."""

import time
from collections.abc import Iterator

import pytest

from tests.server.downstream.support import PATIENCE, children, ignore_running_children


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    ignore_running_children()
    yield
    deadline = time.monotonic() + PATIENCE
    while children() and time.monotonic() < deadline:
        time.sleep(0.01)  # a killed process takes a moment to end
    assert children() == set()
