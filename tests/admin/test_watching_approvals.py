"""`approval watch` in a real process: each request once, new ones as they come, and Ctrl-C."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.fake_approvals import add_approval
from tests.admin.fake_state import ADMIN_KEY
from tests.admin.shell import Shell
from tests.admin.test_tail import Following

Watch = Callable[[FakeApi], Following]


@pytest.fixture
def watch(home: Shell) -> Iterator[Watch]:
    """Start `approval watch` against a server; it is killed after the test."""
    started: list[Following] = []

    def start(api: FakeApi) -> Following:
        process = home.at(api.url, ADMIN_KEY).start("approval", "watch", "--every", "1s")
        started.append(Following(process))
        return started[-1]

    yield start
    for watching in started:
        watching.close()


def test_each_request_is_shown_once_and_ctrl_c_is_exit_130(api: FakeApi, watch: Watch) -> None:
    add_approval(api, "first", user="alice", capability="git.git_push")
    add_approval(api, "over", user="alice", capability="git.git_push", status="used")
    watching = watch(api)
    assert json.loads(watching.out.next())["id"] == "first"
    add_approval(api, "second", user="bob", capability="git.\x1b[31mlog")
    line = watching.out.next()
    assert "\x1b" not in line
    assert json.loads(line)["id"] == "second"
    assert watching.interrupt() == 130
    assert watching.out.rest() == ""
    assert watching.err.rest() == ""


def test_lost_server_is_a_warning_and_nothing_is_shown_again(home: Shell, watch: Watch) -> None:
    api = FakeApi()
    with api.serving():
        add_approval(api, "first", user="alice", capability="git.git_push")
        watching = watch(api)
        assert json.loads(watching.out.next())["id"] == "first"
    assert "Trying again." in watching.err.next()
    with api.serving():
        add_approval(api, "second", user="bob", capability="git.git_log")
        assert json.loads(watching.out.next())["id"] == "second"
        assert watching.interrupt() == 130
