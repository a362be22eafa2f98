"""The output of the commands: the formats and headings that `ambassador-admin` has, too."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ambassador_admin.output.formats import Format as AdminFormat
from ambassador_client.cli.output import Format, show, show_rows
from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.client.terminal import at_terminal
from tests.client.test_cli import run

ROWS: list[dict[str, Any]] = [
    {"name": "a", "count": 1, "ready": True, "tags": ["x", "y"], "note": None},
    {"name": "=1+1\x1b[31m", "count": 2, "ready": False, "tags": [], "note": 'Zoë, "7"'},
]


def read(text: str, output: Format) -> Any:
    match output:
        case Format.YAML:
            return yaml.safe_load(text)
        case Format.JSONL:
            return [json.loads(line) for line in text.splitlines()]
        case _:
            return json.loads(text)


def test_formats_are_those_of_the_admin_program():
    assert set(Format) == set(AdminFormat)


@pytest.mark.parametrize("output", [Format.JSON, Format.YAML, Format.JSONL])
def test_programs_read_back_what_was_shown(output: Format, capsys: pytest.CaptureFixture[str]):
    show_rows(ROWS, output)
    text = capsys.readouterr().out
    assert read(text, output) == ROWS
    assert text.replace("\n", "").isprintable()
    show(ROWS[1], output)
    shown = read(capsys.readouterr().out, output)
    assert shown == ([ROWS[1]] if output is Format.JSONL else ROWS[1])


def test_names_are_the_first_column_alone(capsys: pytest.CaptureFixture[str]):
    show_rows(ROWS, Format.NAME)
    show({"name": "b", "count": 3}, Format.NAME)
    assert capsys.readouterr().out == "a\n=1+1 [31m\nb\n"


def test_csv_has_a_heading_and_no_formula(capsys: pytest.CaptureFixture[str]):
    show_rows(ROWS, Format.CSV)
    first, second, third = csv.reader(io.StringIO(capsys.readouterr().out))
    assert first == ["name", "count", "ready", "tags", "note"]
    assert second == ["a", "1", "true", '["x", "y"]', ""]
    assert third[0] == "'=1+1 [31m"
    show_rows([], Format.CSV)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "words", [["status"], ["whoami"], ["tools", "list"], ["errors", "list"], ["version"]]
)
async def test_commands_have_every_format(server: FakeServer, state: Path, words: list[str]):
    env = environment(server.url, state)
    for output in Format:
        code, text, errors = await run(*words, "-o", output, env=env)
        assert (code, errors) == (0, "")
        assert text.strip()
    _, names, _ = await run(*words, "-o", "name", env=env)
    assert all(len(line.split()) == 1 for line in names.splitlines())
    _, plain, _ = await run(*words, env=env)
    heading = plain.splitlines()[0].split("  ")[0]
    assert heading.isupper()


async def test_table_at_a_terminal_is_cut_to_its_width_and_has_bold_headings(state: Path):
    env = environment("unused", state)
    async with at_terminal("help", "environment", env=env) as terminal:
        assert await terminal.end() == 0
    table = terminal.seen.partition("An option overrides")[0]
    assert table.startswith("\x1b[1mVARIABLE")
    lines = [re.sub(r"\x1b\[[0-9]*m", "", line) for line in table.splitlines()]
    assert max(map(len, lines)) <= 100
    assert any(line.endswith("…") for line in lines)
    assert "MCP_AMBASSADOR_HEARTBEAT_INTERVAL  " in table
    async with at_terminal("help", "environment", "-o", "wide", env={**env, "NO_COLOR": "1"}) as terminal:
        assert await terminal.end() == 0
    assert "…" not in terminal.seen
    assert "\x1b" not in terminal.seen


@pytest.mark.parametrize(
    ("words", "columns"), [(["help", "environment"], 36), (["errors", "list", "-o", "wide"], 100)]
)
async def test_columns_that_do_not_fit_have_a_line_each(state: Path, words: list[str], columns: int):
    env = environment("unused", state, NO_COLOR="1")
    _, plain, _ = await run(*words, env=env)
    async with at_terminal(*words, env=env, columns=columns) as terminal:
        assert await terminal.end() == 0
    titles = plain.splitlines()[0].split()
    first = terminal.seen.replace("\r\n", "\n").split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in first] == titles
    assert first[0].split()[1] == plain.splitlines()[1].split()[0]


async def test_names_of_one_tool_are_its_name(server: FakeServer, state: Path):
    code, text, _ = await run("tools", "show", "echo", "-o", "name", env=environment(server.url, state))
    assert (code, text) == (0, "echo\n")


async def test_misspelt_command_and_account_have_near_matches(server: FakeServer, state: Path):
    env = environment(server.url, state)
    code, _, errors = await run("tools", "lst", env=env)
    assert (code, errors) == (
        2,
        "AMB-1001 No such command 'lst'. Did you mean 'list'? Run: ambassador-client tools --help\n",
    )


async def test_names_of_checks_are_those_of_the_document(server: FakeServer, state: Path):
    env = environment(server.url, state)
    _, names, _ = await run("doctor", "-o", "name", env=env)
    _, document, _ = await run("doctor", "-o", "json", env=env)
    assert names.splitlines() == [each["check"] for each in json.loads(document)]
