"""Writes the programs as one page for a browser: docs/commands.md."""

import re
from collections.abc import Iterable, Iterator

from tests.documents.facts import Rows
from tests.documents.model import Argument, Command, Option
from tests.documents.programs import Program
from tests.documents.usage import argument_explanation, explanation, spelling, usage

_TYPED = re.compile(r"(`[^`]+`)")
_HEAD = (
    "# Commands",
    "Made from the command lines by `make docs`. The same is in the manual pages, `man ambassador-admin`, and behind "
    "`--help`.",
)


def page(programs: Iterable[Program]) -> str:
    """Return the whole page."""
    blocks = [*_HEAD, *(block for program in programs for block in _program(program))]
    return "\n\n".join(blocks) + "\n"


def _program(program: Program) -> Iterator[str]:
    yield f"## {program.name}"
    yield _code(program.synopsis)
    yield from map(_escape, program.description)
    commands = list(program.root.leaves())
    yield _table(
        ("command", "what it does"), ((f"`{each.words}`", _escape(each.summary)) for each in commands)
    )
    for command in commands:
        yield from _command(program, command)
    yield f"### Options of {program.name}"
    yield _escape(program.options)
    yield _options(program.root.options)
    yield f"### Environment of {program.name}"
    yield _rows(("variable", "meaning"), program.environment)
    yield _escape(program.precedence)
    yield f"### Exit codes of {program.name}"
    yield _rows(("code", "meaning"), program.exit_codes)
    yield f"### Files of {program.name}"
    yield _rows(("file", "what is in it"), program.files)
    if program.settings:
        yield _code(program.settings.splitlines(), "yaml")


def _command(program: Program, command: Command) -> Iterator[str]:
    own = program.own_options(command)
    yield f"### {program.name} {command.words}"
    yield _code([usage(program.name, command, optional=any(not each.required for each in own))])
    yield from map(_escape, (command.summary, *command.details))
    if command.arguments or own:
        yield _options(own, command.arguments)
    if command.example:
        yield "For example:"
        yield _code([command.example])


def _options(options: Iterable[Option], arguments: Iterable[Argument] = ()) -> str:
    rows = [(f"`{each.metavar}`", _escape(argument_explanation(each))) for each in arguments]
    rows += [(f"`{spelling(each)}`", _escape(explanation(each))) for each in options]
    return _table(("argument or option", "meaning"), rows)


def _rows(head: tuple[str, str], rows: Rows) -> str:
    return _table(head, ((f"`{term}`", _escape(text)) for term, text in rows))


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines
    )


def _code(lines: Iterable[str], language: str = "") -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _escape(text: str) -> str:
    """Escape what Markdown would take for markup, but for what stands between backticks."""
    parts = _TYPED.split(text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<\[\]\\])", r"\\\1", part) for part in parts
    )
