"""Details of events are shown to people, and on a narrow terminal the date goes before the resource."""

import re

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell

STYLE = re.compile(r"\x1b\[[0-9]*m")
NAME = "a-rather-long-mcp.with_a_long_tool"


@pytest.fixture(autouse=True)
def events(api: FakeApi) -> None:
    tool = {"kind": "tool", "id": None, "name": NAME}
    api.add_event(
        "call:tool:attempt",
        "permitted",
        resource=tool,
        request_id="r",
        details={"arguments": {"path": "/srv"}, "grant": "grant-1"},
    )
    api.add_event(
        "call:tool:outcome", "failed", resource=tool, request_id="r", details={"milliseconds": 12.5}
    )
    api.add_event(
        "admin:user:update",
        "succeeded",
        resource={"kind": "user", "id": None, "name": "bob"},
        details={
            "before": {"status": "active", "roles": []},
            "after": {"status": "suspended", "roles": ["operator"]},
            "none": None,
        },
    )


def test_show_has_the_details_of_each_event(shell: Shell) -> None:
    shown = shell.run("audit", "show", "r").out
    assert shown.count("/srv") == 1
    assert "\nDETAILS OF node-1:1\ngrant  grant-1\n" in shown
    assert "\nDETAILS OF node-1:2\nmilliseconds  12.5\n" in shown
    changed = shell.run("audit", "show", "node-1:3").out
    assert changed.endswith(
        "DETAILS OF node-1:3\n"
        "before.status  active\n"
        "before.roles   -\n"
        "after.status   suspended\n"
        "after.roles    operator\n"
        "none           -\n"
    )


def test_wide_table_has_the_details_in_one_line(shell: Shell) -> None:
    lines = shell.run("audit", "query", "kind=user", "-o", "wide").out.splitlines()
    assert lines[0].endswith("  DETAILS")
    details = "before.status=active; before.roles=-; after.status=suspended; after.roles=operator; none=-"
    assert lines[1].endswith(f"  {details}")
    attempt = shell.run("audit", "query", "action=call:tool:attempt", "-o", "wide").out
    assert "  arguments.path=/srv; grant=grant-1\n" in attempt


@pytest.mark.parametrize(
    ("columns", "time"),
    [("101", "2026-05-04 12:00:01Z"), ("100", "05-04 12:00:01Z"), ("95", "12:00:01Z"), ("90", "12:00:01Z")],
)
def test_date_is_shortened_before_the_resource(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: str, time: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = STYLE.sub("", shell.run("audit", "query", "kind=tool", terminal=True).out).splitlines()
    assert lines[-1].startswith(f"{time}  ")
    assert all(NAME in line for line in lines[1:])
    assert max(map(len, lines)) <= int(columns)


def test_nothing_is_cut_in_a_pipe(shell: Shell) -> None:
    assert "2026-05-04 12:00:01Z" in shell.run("audit", "query", "kind=tool", COLUMNS="40").out
