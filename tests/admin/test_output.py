"""Output formats: aligned tables, cut only on a terminal, without control characters."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
import yaml
from rich.cells import cell_len

from ambassador_admin.output import Format, Output, Style, View
from ambassador_admin.output.text import json_printable, printable
from tests.admin.fake_api import FakeApi
from tests.admin.shell import Result, Shell

HOSTILE = "\x1b]0;owned\x07\x9b31m\u202eevil\u2028\r\nroot\x7f\U000e0041"


def _shows_nothing_active(done: Result) -> bool:
    return all(char.isprintable() or char == "\n" for char in done.out + done.err)


@pytest.mark.parametrize("format", ["table", "wide", "json", "yaml", "jsonl", "csv"])
def test_terminal_escapes_in_a_name_are_escaped(shell: Shell, api: FakeApi, format: str) -> None:
    api.add_user("alice", display_name=HOSTILE, groups=[HOSTILE])
    for words in (["user", "list"], ["user", "show", "alice"]):
        done = shell.run(*words, "-o", format, terminal=True, NO_COLOR="1")
        assert done.code == 0
        assert _shows_nothing_active(done)


def test_terminal_escapes_in_an_error_are_escaped(shell: Shell, api: FakeApi) -> None:
    problem = {"code": "AMB-1002", "detail": HOSTILE, "hint": HOSTILE, "request_id": HOSTILE}
    api.broken_answers["GET", "/v1/admin/users"] = (404, json.dumps(problem))
    done = shell.run("user", "list")
    assert _shows_nothing_active(done)
    assert len(done.err.splitlines()) == 3


def test_terminal_escapes_in_an_argument_are_escaped(shell: Shell) -> None:
    assert _shows_nothing_active(shell.run("user", "show", HOSTILE))
    assert _shows_nothing_active(shell.run("user", HOSTILE))
    assert _shows_nothing_active(shell.run("user", "list", f"--{HOSTILE}"))
    assert _shows_nothing_active(shell.run("key", "revoke", HOSTILE, stdin="n\n", terminal=True))


@pytest.mark.parametrize("format", ["json", "jsonl", "yaml"])
def test_program_formats_keep_every_character(shell: Shell, api: FakeApi, format: str) -> None:
    api.add_user("alice", display_name=HOSTILE, email="Ångström 🌍")
    shown = shell.run("user", "show", "alice", "-o", format).out
    found = yaml.safe_load(shown) if format == "yaml" else json.loads(shown)
    assert (found["display_name"], found["email"]) == (HOSTILE, "Ångström 🌍")


def test_letters_of_all_scripts_are_not_escaped(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice", display_name="Ångström 日本")
    for format in ("json", "yaml", "csv", "wide"):
        assert "Ångström 日本" in shell.run("user", "list", "-o", format).out


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_csv_cells_are_no_formulas(shell: Shell, api: FakeApi, formula: str) -> None:
    api.add_user("alice", display_name=formula)
    (row,) = csv.DictReader(io.StringIO(shell.run("user", "list", "-o", "csv").out))
    assert row["display_name"].startswith("'")


def test_control_characters_have_readable_escapes() -> None:
    assert printable("a\x1bb\nc\u202ed\U000e0041") == r"a\x1bb\nc\u202ed\U000e0041"
    assert json.loads(json_printable('"\x7f\U000e0041"')) == "\x7f\U000e0041"


def test_pipe_gets_every_character_of_a_table(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice", groups=["a" * 300])
    done = shell.run("user", "list")
    assert "a" * 300 in done.out
    assert "\x1b" not in done.out
    assert "\t" not in done.out


def test_narrow_terminal_cuts_text_but_no_name(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "58")
    api.add_user("a-name-that-is-rather-long", groups=["developers", "operators", "writers"])
    done = shell.run("user", "list", terminal=True, NO_COLOR="1")
    header, row = done.out.splitlines()
    assert max(len(header), len(row)) <= 58
    assert row.startswith("a-name-that-is-rather-long  active  ")
    assert "…" in row


def test_long_cell_neither_wraps_its_row_nor_pads_the_others(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("n" * 200, "short"):
        api.add_user(name, display_name="d" * 200, groups=["g" * 200], email="日本" * 50)
    for width in (40, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = shell.run("user", "list", terminal=True, NO_COLOR="1").out.splitlines()
        assert len(lines) == 3
        assert max(map(cell_len, lines)) <= width
        assert lines[1].startswith("nnnnn")
        assert lines[2].startswith("short ")


def test_lines_of_output_are_shown_whole(shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    api.add_mcp("git")
    api.output["git"] = [{"user": None, "text": "x" * 300}, {"user": "alice", "text": "short"}]
    shown = shell.run("mcp", "logs", "git", terminal=True, NO_COLOR="1").out.splitlines()
    assert [shown[1].endswith("x" * 300), shown[2]] == [True, "alice  short"]


def test_narrow_terminal_cuts_an_id_to_a_length_that_commands_accept(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id = "37921e9d-2847-477f-9501-e4b0888e79fc"
    api.add_grant(grant_id, group="developers", mcp="git")
    assert grant_id in shell.run("grant", "list").out
    monkeypatch.setenv("COLUMNS", "120")
    assert grant_id in shell.run("grant", "list", terminal=True).out
    monkeypatch.setenv("COLUMNS", "70")
    shown = shell.run("grant", "list", terminal=True, NO_COLOR="1").out.splitlines()[1].split()[0]
    assert shown == "37921e9d"
    assert shell.run("grant", "remove", shown, "--yes").code == 0


def test_columns_align_with_wide_characters(shell: Shell, api: FakeApi) -> None:
    api.add_group("first", "日本語")
    api.add_group("second", "abc")
    rows = shell.run("group", "list").out.splitlines()
    # Three wide characters take six cells, three narrow ones three.
    assert rows[1].index("-") == rows[2].index("-") - 3


@pytest.mark.parametrize(
    ("terminal", "words", "environ", "coloured"),
    [
        (True, [], {}, True),
        (False, [], {}, False),
        (True, ["--no-color"], {}, False),
        (True, [], {"NO_COLOR": "1"}, False),
        (True, [], {"NO_COLOR": ""}, True),
        (True, [], {"TERM": "dumb"}, False),
    ],
)
def test_colour_is_used_only_where_it_is_allowed(
    shell: Shell, api: FakeApi, terminal: bool, words: list[str], environ: dict[str, str], coloured: bool
) -> None:
    api.add_user("alice")
    assert ("\x1b[" in shell.run("user", "list", *words, terminal=terminal, environ=environ).out) is coloured


def test_fields_choose_what_is_shown_in_every_format(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    fields = ["--fields", "status, name"]
    assert shell.run("user", "list", *fields).out == "STATUS  NAME\nactive  alice\n"
    assert json.loads(shell.run("user", "list", *fields, "-o", "json").out) == [
        {"status": "active", "name": "alice"}
    ]
    assert shell.run("user", "list", *fields, "-o", "csv").out == "status,name\nactive,alice\n"
    assert shell.run("user", "show", "alice", *fields).out == "STATUS  active\nNAME    alice\n"


def test_fields_of_an_explanation_leave_out_the_table_of_rules(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    api.add_grant("grant-1", group="developers", mcp="git")
    done = shell.run("access", "explain", "alice", "git.git_log", "--fields", "allowed")
    assert (done.code, done.out) == (0, "ALLOWED  no\n")


def test_fields_can_be_nested(shell: Shell, api: FakeApi) -> None:
    api.add_event("call:tool:deny", "denied", details={"switch": "s-1"})
    done = shell.run("audit", "query", "--fields", "actor.name,details.switch", "-o", "jsonl")
    assert json.loads(done.out) == {"actor.name": "alice", "details.switch": "s-1"}


def test_unknown_field_stops_a_change_before_it_is_made(shell: Shell, api: FakeApi) -> None:
    done = shell.run("user", "create", "alice", "--fields", "nmae")
    assert (done.code, api.changes) == (2, [])
    assert "hint: --fields takes name, display_name, email, status, groups, roles, source" in done.err


def test_unknown_field_is_shown_last(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice", zeta=1, alpha=2)
    found = json.loads(shell.run("user", "show", "alice", "-o", "json").out)
    assert list(found)[-2:] == ["alpha", "zeta"]
    assert shell.run("user", "show", "alice", "--fields", "zeta").out == "ZETA  1\n"


def test_empty_list_is_a_message_for_people_and_a_list_for_programs(shell: Shell) -> None:
    assert shell.run("user", "list").out == ""
    assert shell.run("user", "list").err == "No users.\n"
    assert shell.run("user", "list", "-o", "json").out == "[]\n"
    assert shell.run("user", "list", "-o", "jsonl").out == ""
    assert shell.run("user", "list", "-o", "csv").out.startswith("name,")


@pytest.mark.parametrize("format", [Format.JSONL, Format.CSV])
def test_lines_of_a_long_list_are_written_while_it_is_fetched(format: Format) -> None:
    def items() -> Iterator[dict[str, str]]:
        for number in range(1000):
            yield {"name": f"user-{number}"}
        raise ConnectionError

    out = io.StringIO()
    output = Output(out, io.StringIO(), Style(format=format, fields=["name"]), now=datetime.now)
    with pytest.raises(ConnectionError):
        output.rows(View("users", (), ("name",)), items())
    assert "user-999" in out.getvalue()


def test_a_limit_is_sent_to_the_server_and_applied(shell: Shell, api: FakeApi) -> None:
    for number in range(5):
        api.add_user(f"user-{number}")
    api.page_size = 2
    done = shell.run("user", "list", "--limit", "3", "--sort", "-name", "-o", "jsonl", "--fields", "name")
    names = [json.loads(line)["name"] for line in done.out.splitlines()]
    assert names == ["user-4", "user-3", "user-2"]
    asked = [path for method, path, _ in api.requests if method == "GET"]
    assert ["limit=3" in asked[0], "limit=1" in asked[1], len(asked)] == [True, True, 2]


def test_a_cut_list_says_so(shell: Shell, api: FakeApi) -> None:
    for number in range(5):
        api.add_user(f"user-{number}")
    api.page_size = 2
    for limit, words in (
        ("1", "The first 1 of 5 users; --limit shows more.\n"),
        ("4", "The first 4 of 5 users; --limit shows more.\n"),
        ("5", ""),
        ("9", ""),
    ):
        for format in ("table", "json", "jsonl"):
            assert shell.run("user", "list", "--limit", limit, "-o", format).err == words


def test_all_pages_of_a_long_list_are_fetched(shell: Shell, api: FakeApi) -> None:
    api.page_size = 3
    for number in range(10):
        api.add_user(f"user-{number}")
    assert len(json.loads(shell.run("user", "list", "-o", "json").out)) == 10
    assert len(api.requests) == 4


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-05-04T13:29:59.500Z", "0s ago"),
        ("2026-05-04T13:29:00.000Z", "1m ago"),
        ("2026-05-04T10:30:00+00:00", "3h ago"),
        ("2026-05-02T13:30:00.000Z", "2d ago"),
        ("2026-05-04T13:30:45.000Z", "in 45s"),
        ("2026-05-04T21:29:59.900Z", "in 8h"),
        ("2025-01-31T00:00:00.000Z", "2025-01-31"),
        ("2026-05-04T13:29:00", "1m ago"),
        ("soon", "soon"),
        (None, "-"),
    ],
)
def test_times_are_relative_in_tables(shell: Shell, api: FakeApi, at: str | None, shown: str) -> None:
    api.add_user("alice", created_at=at)
    assert shell.run("user", "list", "--fields", "created_at").out == f"CREATED_AT\n{shown}\n"


def test_options_are_accepted_before_the_noun_and_later_ones_take_precedence(
    shell: Shell, api: FakeApi
) -> None:
    api.add_user("alice")
    assert shell.run("-o", "json", "user", "list", "--fields", "name").out.startswith("[")
    assert shell.run("-o", "json", "user", "list", "-o", "csv").out.startswith("name,")


def test_output_variable_is_the_default_and_must_be_a_format(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    assert shell.run("user", "list", MCP_AMBASSADOR_OUTPUT="json").out.startswith("[")
    assert shell.run("user", "list", "-o", "csv", MCP_AMBASSADOR_OUTPUT="json").out.startswith("name,")
    done = shell.run("user", "list", MCP_AMBASSADOR_OUTPUT="xml")
    assert (done.code, "AMB-5003" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "width"), [("user list", 20), ("user list -o wide", 70), ("grant list", 30)]
)
def test_columns_that_do_not_fit_have_a_line_each(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch, words: str, width: int
) -> None:
    api.add_user("alice", display_name="Alice", groups=["developers"])
    api.add_user("bob")
    for number in ("1", "2"):
        api.add_grant(f"{number}7921e9d-2847-477f-9501-e4b0888e79fc", group="developers", mcp="git")
    monkeypatch.setenv("COLUMNS", str(width))
    shown = shell.run(*words.split(), terminal=True, NO_COLOR="1").out
    first, second = shown.rstrip("\n").split("\n\n")
    titles = [line.split("  ")[0] for line in first.splitlines()]
    assert titles == [line.split("  ")[0] for line in second.splitlines()]
    assert all(title.isupper() for title in titles)
    monkeypatch.setenv("COLUMNS", "400")
    header, *rows = shell.run(*words.split(), terminal=True, NO_COLOR="1").out.splitlines()
    assert re.split(r"  +", header) == titles
    assert len(rows) == 2
    values = [line[len(max(titles, key=len)) :].strip() for line in first.splitlines()]
    assert re.split(r"  +", rows[0]) == values
    plain = shell.run(*words.split(), "--no-headers", terminal=True, NO_COLOR="1", COLUMNS=str(width)).out
    assert "NAME" not in plain


def test_row_of_a_table_is_never_wider_than_the_terminal(
    shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add_user("alice", display_name="d" * 20, groups=["g" * 20, "h" * 20])
    for width in range(10, 200, 7):
        monkeypatch.setenv("COLUMNS", str(width))
        for format in ("table", "wide"):
            shown = shell.run("user", "list", "-o", format, terminal=True, NO_COLOR="1").out.splitlines()
            is_table = shown[0].split()[:2] == ["NAME", "STATUS"]
            assert not is_table or max(map(cell_len, shown)) <= width


@pytest.mark.parametrize("format", list(Format))
def test_settings_of_the_program_have_every_format(shell: Shell, format: Format) -> None:
    done = shell.run("config", "view", "-o", format)
    assert (done.code, done.err) == (0, "")
    assert "output" in done.out
