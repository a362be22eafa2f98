"""No test of this folder may leave a process behind."""

from collections.abc import Iterator

import pytest

from tests.server.downstream.support import children


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() - before == set()
