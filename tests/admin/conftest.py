"""Fixtures of all tests of the admin command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi().serving() as api:
        yield api


@pytest.fixture
def home(tmp_path: Path) -> Shell:
    """A shell without a server."""
    return Shell(tmp_path)


@pytest.fixture
def shell(home: Shell, api: FakeApi) -> Shell:
    """A shell with the fake server and an admin key in its environment."""
    return home.at(api.url)
