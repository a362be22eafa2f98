"""The words that the completion scripts offer, in the installed shells."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.documents.build import ROOT
from tests.documents.model import Takes
from tests.documents.programs import Program, programs

PROGRAMS = programs()
BASH = shutil.which("bash")
FISH = shutil.which("fish")
ZSH = shutil.which("zsh")

needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")
needs_fish = pytest.mark.skipif(FISH is None, reason="fish is not installed")
needs_zsh = pytest.mark.skipif(ZSH is None, reason="zsh is not installed")

OFFERED = [
    ("ambassador-admin us", ["user"]),
    ("ambassador-admin user cre", ["create"]),
    ("ambassador-admin user nothing-like-this", []),
    ("ambassador-admin kill tool", ["tool", "tool-class"]),
    ("ambassador-admin --server https://ambassador.example.com:9443 us", ["user"]),
    ("ambassador-admin --server=https://ambassador.example.com:9443 us", ["user"]),
    ("ambassador-admin --context user us", ["user"]),
    ("ambassador-admin user list --out", ["--output"]),
    ("ambassador-admin user list -o js", ["json", "jsonl"]),
    ("ambassador-admin user list --output w", ["wide"]),
    ("ambassador-admin kill tool-class ", ["read-only", "write", "destructive"]),
    ("ambassador-admin kill tool-class write d", []),
    ("ambassador-admin kill user alice --reason ", []),
    ("ambassador-admin audit query --reason no_", ["no_grant"]),
    ("ambassador-admin mcp add x --transport s", ["sse", "stdio", "streamable_http"]),
    ("ambassador-admin mcp add x --env NAME=value --arg", ["--arguments"]),
    ("ambassador-admin mcp add x -- --arg", []),
    ("ambassador-admin mcp add x -- ", []),
    ("ambassador-admin user list --no-color --fie", ["--fields"]),
    ("ambassador-client st", ["status"]),
    ("ambassador-client --allow", ["--allow-self-signed"]),
    ("ambassador-client --server https://ambassador.example.com ", []),
    ("ambassador-client --server https://ambassador.example.com --host-tool z", ["zed"]),
    ("ambassador-client --server=https://ambassador.example.com --vers", []),
    ("ambassador-client proxy --host-tool claude", ["claude-desktop", "claude-code"]),
    ("ambassador-server serve --tls ", ["on", "off"]),
    ("ambassador-server serve --data-dir ./data --read", ["--ready-file"]),
]


def bash(program: str, lines: Iterable[str], *, breaks: str = "=:") -> list[list[str]]:
    """Return what the script replies to each line with the cursor at its end.

    What it leaves to bash is listed with a `!` before it. `breaks` are the characters that end a word besides
    blanks, as in COMP_WORDBREAKS. There is no PATH: whatever the script tried to start would show as an error.
    """
    assert BASH is not None
    script = [f"source '{ROOT}/completions/{program}.bash'", 'compopt() { asked="!$2"; }']
    for line in lines:
        words = re.findall(rf"[{breaks}]+|[^\s{breaks}]+", line) if breaks else line.split()
        if line.endswith(" "):
            words.append("")
        quoted = " ".join(f"'{word}'" for word in words)
        script += [
            f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1} asked=",
            f'_{program.replace("-", "_")} "$1" "" ""',
            'printf "%s\\n" ${asked:+"$asked"} "${COMPREPLY[@]}" %%',
        ]
    done = subprocess.run(
        [BASH, "--norc", "--noprofile", "-c", "\n".join(script)],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [[word for word in answer.split("\n") if word] for answer in done.stdout.split("%%\n")[:-1]]


def shell_of(line: str) -> str:
    return line.split(maxsplit=1)[0]


@needs_bash
@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_bash_offers_what_may_come_next(line: str, offered: list[str]) -> None:
    assert bash(shell_of(line), [line]) == [offered]


@needs_bash
@pytest.mark.parametrize(
    ("line", "breaks", "offered"),
    [
        ("ambassador-admin user list --output=js", "=:", ["json", "jsonl"]),
        ("ambassador-admin user list --output=js", ":", ["--output=json", "--output=jsonl"]),
        (
            "ambassador-admin user list --output=",
            "=:",
            ["table", "wide", "json", "yaml", "jsonl", "csv", "name"],
        ),
        ("ambassador-admin user list --output= ", "=:", []),
        ("ambassador-admin audit query --action call:tool:d", "=:", ["deny"]),
        (
            "ambassador-admin audit query --action call:tool:",
            "=:",
            ["attempt", "outcome", "deny", "question", "answer"],
        ),
        ("ambassador-admin audit query --action call:tool:d", "=", ["call:tool:deny"]),
        ("ambassador-admin audit query --action=call:tool:d", "=:", ["deny"]),
        ("ambassador-admin audit query --action=call:tool:d", "", ["--action=call:tool:deny"]),
        ("ambassador-admin mcp add x --env A= --transp", "=:", ["--transport"]),
    ],
)
def test_bash_replaces_no_more_than_it_takes_for_a_word(line: str, breaks: str, offered: list[str]) -> None:
    assert bash(shell_of(line), [line], breaks=breaks) == [offered]


@needs_bash
@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("ambassador-admin user list --ca ", "!default"),
        ("ambassador-admin user list --ca=", "!default"),
        ("ambassador-admin access test ", "!default"),
        ("ambassador-client status --config ", "!default"),
        ("ambassador-server serve --data-dir ", "!dirnames"),
    ],
)
def test_bash_is_asked_for_files_where_one_belongs(line: str, asked: str) -> None:
    assert bash(shell_of(line), [line]) == [[asked]]


@needs_bash
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_bash_knows_every_command_and_option(program: Program) -> None:
    commands = list(program.root.walk())
    below = bash(
        program.name, [" ".join([program.name, *each.path, ""]) for each in commands if each.commands]
    )
    assert below == [[each.path[-1] for each in command.commands] for command in commands if command.commands]
    options = bash(program.name, [" ".join([program.name, *each.path, "-"]) for each in commands])
    expected = [{name for option in each.options for name in option.names} for each in commands]
    expected[0] |= {name for option in program.root.implied_options for name in option.names}
    assert [set(each) for each in options] == expected


@needs_bash
def test_bash_calls_the_functions_for_their_programs() -> None:
    assert BASH is not None
    script = "".join(
        f"source '{ROOT}/completions/{each.name}.bash'; complete -p {each.name};" for each in PROGRAMS
    )
    done = subprocess.run(
        [BASH, "--norc", "--noprofile", "-euc", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"complete -F _{each.name.replace('-', '_')} {each.name}" for each in PROGRAMS
    ]


@needs_fish
@pytest.mark.parametrize(
    ("line", "offered"),
    # Where a second argument would be too many, fish still offers the words of the first.
    [each for each in OFFERED if each[0] != "ambassador-admin kill tool-class write d"],
)
def test_fish_offers_what_may_come_next(line: str, offered: list[str], tmp_path: Path) -> None:
    assert FISH is not None
    script = f"source {ROOT}/completions/{shell_of(line)}.fish; complete -C '{line}'"
    done = subprocess.run(
        [FISH, "--no-config", "-c", script],
        env=os.environ | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert {found.split("\t")[0] for found in done.stdout.splitlines()} == set(offered)


@needs_zsh
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_zsh_hands_every_option_to_its_completion_system(program: Program) -> None:
    assert ZSH is not None
    asks = "".join(
        f"typed=({' '.join(each.path)}); _{program.name}; print %%\n" for each in program.root.leaves()
    )
    script = f"""
        compdef() {{ }}
        _describe() {{ }}
        _arguments() {{
            (( $#typed )) || print -rl -- "$@"
            state=below line=($typed[1]) typed=($typed[2,-1])
        }}
        source {ROOT}/completions/{program.name}.zsh
        {asks}
    """
    done = subprocess.run([ZSH, "-f", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    for command, answer in zip(program.root.leaves(), done.stdout.split("%%\n")[:-1], strict=True):
        specs = answer.splitlines()
        for option in command.options:
            for name in option.names:
                assert [spec for spec in specs if re.match(rf"(\([^)]*\))?\*?{name}[=+]?\[", spec)], (
                    command.words,
                    name,
                )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_zsh_script_defines_what_it_calls(program: Program) -> None:
    text = (ROOT / "completions" / f"{program.name}.zsh").read_text(encoding="utf-8")
    assert text.startswith(f"#compdef {program.name}\n")
    defined = re.findall(r"^(_\S+)\(\) \{$", text, re.MULTILINE)
    called = re.findall(r"\) (_ambassador\S+) ;;", text)
    live = set(re.findall(rf"(_{program.name}_names) \S+'", text))
    assert sorted(defined) == sorted([f"_{program.name}", *called, *live])
    assert len(set(defined)) == len(list(program.root.walk())) + len(live)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_fish_script_has_a_line_for_every_word(program: Program) -> None:
    lines = (ROOT / "completions" / f"{program.name}.fish").read_text(encoding="utf-8").splitlines()
    for command in program.root.walk():
        at = " ".join([f"__{program.name.replace('-', '_')}_at", *command.path])
        own = [line for line in lines if f"{at}' " in line]
        common = [line for line in lines if "_at -' " in line or re.match(r"complete -c \S+ -[sl] ", line)]
        for below in command.commands:
            assert [line for line in own if f" -a {below.path[-1]} -d '" in line], below.words
        for option in command.options:
            spelled = f" -l {option.names[-1].removeprefix('--')} "
            (line,) = [line for line in own + common if spelled in line]
            assert (" -x" in line or " -r" in line) is (option.takes is not Takes.NOTHING), line


def test_a_script_starts_no_program_but_for_names() -> None:
    for program in PROGRAMS:
        for shell in ("bash", "zsh", "fish"):
            text = (ROOT / "completions" / f"{program.name}.{shell}").read_text(encoding="utf-8")
            started = re.findall(rf"(?:[$`(]\(?|command ){program.name}(?: .*)?", text)
            assert "python" not in text.lower()
            assert len(started) == (1 if program.name == "ambassador-admin" else 0)
            assert all(
                "ambassador-admin names " in each and " 2>/dev/null </dev/null" in each for each in started
            )
