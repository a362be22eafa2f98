"""`audit tail --follow` in a real process, with lost connections and Ctrl-C."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import IO

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import AUDITOR_KEY
from tests.admin.shell import Shell
from tests.patience import PATIENCE


class Following:
    """An `audit tail -f` in its own process; threads read its output."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.out, self.err = _Lines(process.stdout), _Lines(process.stderr)

    def cursors(self, count: int) -> list[int]:
        """Return the cursors of the next events in the output."""
        return [json.loads(self.out.next())["cursor"] for _ in range(count)]

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Kill the process if it still runs."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.out.close()
        self.err.close()


class _Lines:
    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def next(self) -> str:
        """Return the next line."""
        return self._lines.get(timeout=PATIENCE)

    def rest(self) -> str:
        """Return the rest of the stream."""
        return "".join(iter(self.next, ""))

    def close(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join(PATIENCE)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.put(line)
        self._lines.put("")


Follow = Callable[..., Following]


@pytest.fixture
def follow(home: Shell) -> Iterator[Follow]:
    """Start `audit tail -f` against a server; it is killed after the test."""
    started: list[Following] = []

    def start(api: FakeApi, *words: str) -> Following:
        started.append(Following(home.at(api.url, AUDITOR_KEY).start("audit", "tail", "-f", *words)))
        return started[-1]

    yield start
    for following in started:
        following.close()


def test_tail_follows_and_ctrl_c_is_exit_130_without_a_message(api: FakeApi, follow: Follow) -> None:
    api.add_event("call:tool:outcome", "succeeded")
    following = follow(api)
    assert following.cursors(1) == [1]
    assert api.stream_opened.wait(PATIENCE)
    api.add_event("call:tool:deny", "denied", reason="no_grant")
    api.add_event("call:tool:outcome", "succeeded")
    assert following.cursors(2) == [2, 3]
    assert following.interrupt() == 130
    assert following.err.rest() == ""


def test_tail_reconnects_and_misses_no_event(home: Shell, follow: Follow) -> None:
    api = FakeApi()
    with api.serving():
        following = follow(api)
        assert api.stream_opened.wait(PATIENCE)
    assert following.err.next().startswith("warning: No connection to ")
    api.add_event("call:tool:outcome", "succeeded")
    with api.serving():
        assert following.cursors(1) == [1]
        assert following.err.next() == "Reconnected; continuing after the last event.\n"
        assert following.interrupt() == 130


def test_tail_ends_when_the_key_is_no_longer_accepted(api: FakeApi, follow: Follow) -> None:
    following = follow(api)
    assert api.stream_opened.wait(PATIENCE)
    problem = {"code": "AMB-2002", "detail": "A valid admin key is required"}
    api.broken_answers["GET", "/v1/admin/audit/stream"] = (401, json.dumps(problem))
    api.close_streams()
    assert following.process.wait(PATIENCE) == 3
    assert "AMB-2002" in following.err.rest()


def test_tail_with_a_closed_output_ends_without_a_message(home: Shell, api: FakeApi) -> None:
    api.add_event("call:tool:outcome", "succeeded")
    reading, writing = os.pipe()
    process = home.at(api.url).start("audit", "tail", "-f", stdout=writing)
    os.close(writing)
    assert os.read(reading, 1) == b"{"
    os.close(reading)
    api.add_event("call:tool:outcome", "succeeded")
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_tail_shows_a_burst_of_events(api: FakeApi, follow: Follow) -> None:
    following = follow(api)
    assert api.stream_opened.wait(PATIENCE)
    for _ in range(3000):
        api.add_event("call:tool:outcome", "succeeded")
    assert following.cursors(3000) == list(range(1, 3001))


def test_tail_shows_a_gap(api: FakeApi, follow: Follow) -> None:
    api.add_event("call:tool:outcome", "succeeded")
    api.dropped_events = 5
    following = follow(api)
    assert following.err.next() == "warning: The server removed events here before they were shown.\n"
    api.add_event("call:tool:outcome", "succeeded")
    assert following.cursors(2) == [1, 2]


def test_tail_sends_the_same_query_when_it_follows(api: FakeApi, follow: Follow) -> None:
    api.add_event("call:tool:deny", "denied", reason="no_grant")
    following = follow(api, "decision=deny", "--where", "reason=no_grant or reason=kill_switch")
    assert following.cursors(1) == [1]
    assert api.stream_opened.wait(PATIENCE)
    api.add_event("call:tool:outcome", "succeeded")
    api.add_event("call:tool:deny", "denied", reason="mcp_not_published")
    api.add_event("call:tool:deny", "denied", reason="kill_switch")
    assert following.cursors(1) == [4]


def test_tail_without_follow_shows_the_last_and_ends(home: Shell, api: FakeApi) -> None:
    for _ in range(20):
        api.add_event("call:tool:outcome", "succeeded")
    shell = home.at(api.url)
    shown = shell.run("audit", "tail", "-n", "3").out.splitlines()
    assert [json.loads(line)["cursor"] for line in shown] == [18, 19, 20]
    assert len(shell.run("audit", "tail", terminal=True).out.splitlines()) == 11


def test_query_filters_reach_the_server(home: Shell, api: FakeApi) -> None:
    home.at(api.url).run(
        *(
            "audit",
            "query",
            "--actor",
            "a",
            "--tool",
            "git.*",
            "--action",
            "call:tool:deny",
            "--outcome",
            "denied",
        ),
        *(
            "--reason",
            "no_grant",
            "--request",
            "r-1",
            "--since",
            "1h30m",
            "--until",
            "2026-05-04T14:00:00+02:00",
        ),
    )
    assert api.requests[0][1].split("?")[1].split("&") == [
        "actor=a",
        "resource=git.%2A",
        "action=call%3Atool%3Adeny",
        "outcome=denied",
        "reason=no_grant",
        "request=r-1",
        "since=2026-05-04T12%3A00%3A00.000Z",
        "until=2026-05-04T12%3A00%3A00.000Z",
        "limit=101",
    ]


def test_words_and_expressions_are_sent_with_the_current_time(home: Shell, api: FakeApi) -> None:
    home.at(api.url).run("audit", "query", "user=a", "or", "user=b", "--where", "not since=1h")
    assert api.requests[0][1].split("?")[1].split("&") == [
        "q=user%3Da+or+user%3Db",
        "where=not+since%3D1h",
        "now=2026-05-04T13%3A30%3A00.000Z",
        "limit=101",
    ]


def test_query_reports_that_more_events_match(home: Shell, api: FakeApi) -> None:
    for _ in range(12):
        api.add_event("call:tool:outcome", "succeeded")
    shell = home.at(api.url)
    done = shell.run("audit", "query", "--limit", "5", "-o", "jsonl")
    assert [json.loads(line)["cursor"] for line in done.out.splitlines()] == [12, 11, 10, 9, 8]
    assert done.err == "More than 5 events match; --limit shows more.\n"
    api.page_size = 5
    assert len(shell.run("audit", "query", "--limit", "12", "-o", "jsonl").out.splitlines()) == 12
