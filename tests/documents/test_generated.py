"""The generated documents are up to date, complete and well-formed."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ambassador_admin.cli.app import app as admin_app
from ambassador_client.cli.app import _app as client_app
from ambassador_client.proxy.flags import parse_flags
from ambassador_server.cli.app import app as server_app
from tests.documents.build import ROOT, documents
from tests.documents.model import Command
from tests.documents.programs import ADMIN, CLIENT, SERVER, Program, programs
from tests.documents.roff import escape
from tests.documents.usage import usage
from tests.documents.words import KNOWN

PROGRAMS = {program.name: program for program in programs()}
DOCUMENTS = documents()
PAGES = sorted(name for name in DOCUMENTS if name.startswith("man/"))
TREES = {
    CLIENT: typer.main.get_command(client_app(lambda _: 0)),
    ADMIN: typer.main.get_command(admin_app),
    SERVER: typer.main.get_command(server_app),
}
LEAVES = [
    pytest.param(program, command, id=f"{program.name} {command.words}")
    for program in PROGRAMS.values()
    for command in program.root.leaves()
]
STEPS = [
    line
    for program in PROGRAMS.values()
    for _, lines in program.steps
    for line in lines
    if not line.startswith("export ")
]
SECTIONS = [
    *("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "ENVIRONMENT", "EXIT STATUS", "FILES"),
    *("EXAMPLES", "SEE ALSO"),
]
MACROS = {"TH", "SH", "SS", "PP", "TP", "RS", "RE", "nf", "fi", "nh", "ad"}
WIDEST = 78  # what `--help` shows on a terminal of 80 columns without breaking the line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_committed_documents_are_up_to_date(name: str) -> None:
    path = ROOT / name
    committed = path.read_text(encoding="utf-8") if path.exists() else None
    assert committed == DOCUMENTS[name], f"{name} is not what the command line says: run make docs"


def test_no_document_of_another_program_is_left() -> None:
    there = {
        path.relative_to(ROOT).as_posix()
        for name in ("completions", "man")
        for path in (ROOT / name).iterdir()
    }
    assert there == {name for name in DOCUMENTS if not name.startswith("docs/")}


def test_documents_do_not_depend_on_the_machine(tmp_path: Path) -> None:
    script = "import json, sys, tests.documents.build as b; json.dump(dict(b.documents()), sys.stdout)"
    environment = {
        **{"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        **{"COLUMNS": "40", "TERM": "xterm-256color", "FORCE_COLOR": "1", "LC_ALL": "C"},
        **{"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "MCP_AMBASSADOR_HOST": "elsewhere.example.com"},
    }
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True
    )
    assert json.loads(made.stdout) == DOCUMENTS


def test_no_document_contains_a_path_of_the_machine() -> None:
    places = {str(ROOT), sys.prefix, str(Path.home())} - {"/"}
    assert [name for name, text in DOCUMENTS.items() if any(f"{place}/" in text for place in places)] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_manual_page_has_every_command_and_option(program: str) -> None:
    page = _plain(DOCUMENTS[f"man/{program}.1"])
    common = _between(page, "SH OPTIONS", "SH ENVIRONMENT")
    missing = []
    for path, options in _declared(TREES[program]):
        section = _between(page, f'SS "{path}"', "S[HS]") if path else common
        terms = re.findall(r"^-.*", section + common, re.MULTILINE)
        names = {name for term in terms for name in re.findall(r"(?<!\S)-[\w-]+", term.replace(",", " "))}
        missing += [f"{path} {option}" for option in options if option not in names]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_a_manual_page_has_its_sections_and_only_plain_macros(page: str) -> None:
    lines = DOCUMENTS[page].splitlines()
    assert [line[4:].strip('"') for line in lines if line.startswith(".SH ")] == SECTIONS
    used = {line[1:].split()[0] for line in lines if line.startswith(".") and not line.startswith('.\\"')}
    assert used <= MACROS
    assert all(line.isascii() and line.strip() and not line.startswith("'") for line in lines)
    assert [
        line for line in lines if re.search(r"\\(?![e&]|-|f[BIR]|\(\w\w|\[u[0-9A-F]{4,}\]|\")", line)
    ] == []
    assert [line for line in lines if re.search(r"(?<!\\)-", line) and not line.startswith(".\\")] == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("device", ["ascii", "utf8"])
@pytest.mark.parametrize("page", PAGES)
def test_groff_reports_nothing_about_a_manual_page(page: str, device: str) -> None:
    formatted = subprocess.run(
        ["groff", "-man", "-ww", f"-T{device}"],
        input=DOCUMENTS[page].encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert formatted.stderr == b""
    assert b"ambassador-" in formatted.stdout


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (".profile", r"\&.profile"),
        ("'quoted'", r"\(aqquoted\(aq"),
        (r"C:\keys", r"C:\ekeys"),
        ("--dry-run", r"\-\-dry\-run"),
        ("~/x", r"\(ti/x"),
        ('say "so"', r"say \(dqso\(dq"),
        ("8h, …", "8h, ..."),
        ("Grüße", r"Gr\[u00FC]\[u00DF]e"),
    ],
)
def test_a_manual_page_shows_text_as_it_is(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize(("program", "command"), LEAVES)
def test_a_command_says_what_it_does_and_shows_an_example(program: Program, command: Command) -> None:
    assert command.summary.endswith(".")
    assert command.example.startswith(f"{program.name} {command.words}")
    assert len(f"Example: {command.example}") <= WIDEST
    assert all(option.help for option in command.options)
    assert all(argument.help for argument in command.arguments)
    _parse(command.example)


@pytest.mark.parametrize("line", STEPS)
def test_the_steps_of_a_manual_page_can_be_typed(line: str) -> None:
    _parse(line)


def test_added_words_belong_to_an_option_or_argument() -> None:
    unused = [
        (program, path, name)
        for program, commands in KNOWN.items()
        for path, names in commands.items()
        for name, words in names.items()
        if not any(words == found for found in _choices(PROGRAMS[program], path, name))
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("mcp add", "ambassador-admin mcp add [OPTION]... NAME [-- COMMAND ARG...]"),
        ("kill user", "ambassador-admin kill user --reason TEXT [OPTION]... USER"),
        ("user", "ambassador-admin user COMMAND"),
    ],
)
def test_a_command_is_shown_as_it_is_typed(words: str, line: str) -> None:
    (command,) = (each for each in PROGRAMS[ADMIN].root.walk() if each.words == words)
    assert usage(ADMIN, command, optional=not command.commands) == line


def _plain(page: str) -> str:
    text = re.sub(r"\\f[BIR]|\\&", "", page).replace(r"\-", "-")
    return re.sub(r"^\.(?=S[HS])", "", text, flags=re.MULTILINE)


def _between(page: str, start: str, end: str) -> str:
    found = re.search(rf"^{start}$(.*?)(?=^{end}\b)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, start
    return found[1]


def _declared(command: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield what Typer knows, by another way than the documents take."""
    yield (
        path,
        [
            name
            for parameter in command.params
            if parameter.param_type_name == "option" and not parameter.name.endswith("_completion")
            for name in parameter.opts
        ],
    )
    for name, below in getattr(command, "commands", {}).items():
        yield from _declared(below, f"{path} {name}".lstrip())


def _choices(program: Program, path: str, name: str) -> Iterator[tuple[str, ...]]:
    for command in program.root.leaves():
        if f"{command.words} ".startswith(f"{path} "):
            yield from (each.choices for each in command.options if name in each.names)
            yield from (each.choices for each in command.arguments if name == each.metavar)


def _parse(line: str) -> None:
    """Let the program's own parser read the line; it raises what a user would see."""
    name, *words = shlex.split(line)
    command: Any = TREES[name]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    if command.name == "proxy":
        parse_flags(words)
    else:
        command.make_context(command.name, words)
