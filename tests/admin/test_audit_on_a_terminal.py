"""No field of an event can control the terminal of a reader of the audit."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY
from tests.admin.malicious_events import EVIL, add_hostile_events
from tests.admin.shell import PROGRAM, Shell
from tests.patience import PATIENCE

OURS = re.compile(r"\x1b\[(?:0|1|31|32|33)m")


def on_a_terminal(home: Shell, api: FakeApi, *words: str) -> str:
    """Run the real command on a pseudo-terminal and return its output."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, **home.environ, "MCP_AMBASSADOR_ADMIN_URL": api.url, "COLUMNS": "400"}
    environ |= {"MCP_AMBASSADOR_ADMIN_KEY": ADMIN_KEY, "TERM": "xterm"}
    process = subprocess.Popen(
        [str(PROGRAM), *words], env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    found = bytearray()
    deadline = time.monotonic() + PATIENCE
    while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break  # on Linux, the error when the other end is closed
        if not chunk:
            break
        found += chunk
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return found.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "query"],
        ["audit", "query", "-o", "wide"],
        ["audit", "query", "-o", "yaml"],
        ["audit", "query", "-o", "csv"],
        ["audit", "query", "-o", "json"],
        ["audit", "tail"],
        ["audit", "show", "node-1:1"],
        ["audit", "stats", "--by", "reason"],
        ["audit", "export", "--format", "csv"],
        ["audit", "export", "--format", "cef"],
        ["audit", "export", "--format", "ocsf"],
        ["audit", "export", "--format", "original"],
        ["audit", "export", "--format", "secure_gateway"],
        ["audit", "export", "--format", "jsonl"],
    ],
    ids=" ".join,
)
def test_no_field_controls_the_terminal(home: Shell, api: FakeApi, words: list[str]) -> None:
    add_hostile_events(api)
    shown = OURS.sub("", on_a_terminal(home, api, *words))
    assert "HYPERLINK" in shown
    acting = {char for char in shown if not char.isprintable() and char != "\n"}
    assert acting == set()
    # No line begins with the text that follows a line end in a field.
    assert not any(line.lstrip().startswith("2026-05-04 root permitted") for line in shown.splitlines())


def test_json_has_every_character(home: Shell, api: FakeApi) -> None:
    add_hostile_events(api)
    shell = home.at(api.url)
    for words in (["query", "kind=tool", "-o", "jsonl"], ["export", "kind=tool"], ["tail", "-o", "jsonl"]):
        event = json.loads(shell.run("audit", *words).out.splitlines()[0])
        assert event["actor"]["name"] == event["reason"] == event["resource"]["name"] == EVIL
        assert event["details"] == {EVIL: [EVIL, None]}


def test_caret_is_below_the_error_after_wide_characters(home: Shell, api: FakeApi) -> None:
    done = home.at(api.url).run("audit", "query", "--where", "user='\u202e\x1b語' x=1")
    shown, caret = done.err.splitlines()[1:3]
    assert shown == "  user='\\u202e\\x1b語' x=1"
    assert len(caret) == len(shown.partition("x=1")[0]) + 2  # the character is two cells wide
    far = home.at(api.url).run("audit", "query", "--where", f"user={'a' * 300} x=1")
    assert far.err.splitlines()[1].startswith("  ...aaa")


@pytest.mark.parametrize("verb", ["query", "stats", "export"])
def test_time_that_ends_before_it_begins_is_refused(home: Shell, api: FakeApi, verb: str) -> None:
    done = home.at(api.url).run("audit", verb, "--since", "2h", "--until", "3h")
    assert (done.code, done.out) == (2, "")
    assert "--since 2h is after --until 3h" in done.err
    assert not api.requests
