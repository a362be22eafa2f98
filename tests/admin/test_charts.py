"""Charts are drawn on a terminal that is wide enough, in characters that it can show, and nowhere else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_admin.output.charts import glyphs_for, sparkline
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import AUDITOR_KEY, LOGIN_KEY
from tests.admin.shell import Shell
from tests.admin.test_audit_on_a_terminal import on_a_terminal

BLOCKS = "▁▂▃▄▅▆▇█"
STYLE = re.compile(r"\x1b\[[0-9]*m")


@pytest.fixture(autouse=True)
def events(api: FakeApi) -> None:
    """Four hours with calls, one of them without any, and denials in the last."""
    for hour, permitted, denied in (("09", 1, 0), ("10", 8, 0), ("12", 3, 1)):
        for outcome, count in (("succeeded", permitted), ("denied", denied)):
            for _ in range(count):
                action = "call:tool:deny" if outcome == "denied" else "call:tool:outcome"
                api.add_event(action, outcome, at=f"2026-05-04T{hour}:30:00.000Z")


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_height_follows_the_value(values: list[int]) -> None:
    most = max(values)
    drawn = sparkline(values, most, glyphs_for(None))
    assert len(drawn) == len(values)
    assert all((column == " ") == (value == 0) for column, value in zip(drawn, values, strict=True))
    order = [" ", *BLOCKS]
    pairs = sorted(zip(values, map(order.index, drawn), strict=True))
    assert [height for _, height in pairs] == sorted(height for _, height in pairs)
    if most:
        assert drawn[values.index(most)] == "█"


def test_stats_draw_the_hours_below_the_table(shell: Shell) -> None:
    shown = STYLE.sub("", shell.run("audit", "stats", "--by", "tool", terminal=True).out)
    *table, blank, events, denied, span = shown.splitlines()
    assert len(table) == 2
    assert blank == ""
    assert events == "EVENTS  ▁█ ▄  at most 8 an hour"
    assert denied == "DENIED     ▁  1 in all"
    assert span == "        2026-05-04 09:00Z to 2026-05-04 12:00Z"


def test_stats_by_hour_have_a_row_for_each_hour_with_its_denials(shell: Shell) -> None:
    shown = STYLE.sub("", shell.run("audit", "stats", "--by", "hour", terminal=True).out).splitlines()
    assert [line.split()[:5] for line in shown[1:]] == [
        ["2026-05-04", "09:00Z", "1", "7.7%", "0"],
        ["2026-05-04", "10:00Z", "8", "61.5%", "0"],
        ["2026-05-04", "11:00Z", "0", "0.0%", "0"],
        ["2026-05-04", "12:00Z", "4", "30.8%", "1"],
    ]
    assert shown[2].endswith("█" * 30)
    assert shown[4].endswith("█" * 11 + "▒" * 4)
    last = shell.run("audit", "stats", "--by", "hour", "--top", "1").out.splitlines()
    assert last[1].split() == ["2026-05-04", "12:00Z", "4", "30.8%", "1"]
    assert last[2].split() == ["(other)", "9", "69.2%", "-"]


@pytest.mark.parametrize(
    ("words", "terminal", "columns"),
    [
        (["audit", "stats"], False, "80"),
        (["audit", "stats"], True, "50"),
        (["audit", "stats", "-o", "json"], True, "80"),
        (["audit", "stats", "-o", "csv"], True, "80"),
        (["audit", "stats", "--fields", "action,count"], True, "80"),
        (["status"], False, "80"),
        (["status"], True, "50"),
        (["status", "-o", "json"], True, "80"),
    ],
)
def test_nothing_is_drawn_where_it_does_not_belong(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: list[str], terminal: bool, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = shell.run(*words, terminal=terminal)
    assert done.code == 0
    assert not re.search("[▁▂▃▄▅▆▇]|DENIED|an hour", done.out)


def test_status_draws_the_calls_of_the_last_day_for_auditors_alone(home: Shell, api: FakeApi) -> None:
    api.add_event("call:tool:outcome", "succeeded", at="2026-04-01T09:30:00.000Z")
    api.add_event("admin:user:create", "succeeded", at="2026-05-04T13:00:00.000Z")
    shown = STYLE.sub("", home.at(api.url, AUDITOR_KEY).run("status", terminal=True).out)
    assert "CALLS   ▁█ ▄  at most 8 an hour" in shown
    api.requests.clear()
    api.is_logged_in = True
    operator = home.at(api.url, LOGIN_KEY).run("status", terminal=True)
    assert (operator.code, "CALLS" in operator.out) == (0, False)
    assert not any("/audit/" in path for _, path, _ in api.requests)


@pytest.mark.parametrize("words", [["--no-color"], []])
def test_chart_without_colours_has_no_escape(shell: Shell, words: list[str]) -> None:
    done = shell.run("audit", "stats", *words, terminal=True, **({} if words else {"NO_COLOR": "1"}))
    assert "█" in done.out
    assert "\x1b" not in done.out


def test_chart_is_ascii_where_the_encoding_lacks_the_blocks(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = STYLE.sub("", on_a_terminal(home, api, "audit", "stats", "--by", "tool"))
    assert shown.isascii()
    assert "EVENTS  .@ =  at most 8 an hour" in shown
    assert "#" * 30 in shown


def test_path_has_a_line_for_each_step_where_the_terminal_is_narrow(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.users["bob"] = {"name": "bob", "groups": ["staff"]}
    shown = STYLE.sub("", shell.run("access", "explain", "bob", "git.log", terminal=True).out)
    assert "\nuser bob → no key → group staff → no grant  ✗ no_grant\n" in shown
    monkeypatch.setenv("COLUMNS", "40")
    shown = STYLE.sub("", shell.run("access", "explain", "bob", "git.log", terminal=True).out)
    assert "\nuser bob\n→ no key\n  → group staff\n    → no grant  ✗ no_grant\n" in shown


def test_path_is_ascii_where_the_encoding_lacks_arrows(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.users["bob"] = {"name": "bob", "groups": ["staff"]}
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = STYLE.sub("", on_a_terminal(home, api, "access", "explain", "bob", "git.log"))
    assert "\nuser bob -> no key -> group staff -> no grant  x no_grant\n" in shown
