"""Writes a program as a manual page, in the man macros that every formatter knows."""

import re
from collections.abc import Iterable, Iterator

from ambassador_protocol import __version__
from tests.documents.facts import Rows
from tests.documents.model import Option
from tests.documents.programs import Program
from tests.documents.usage import argument_explanation, explanation, usage

_SPECIAL = {
    "\\": r"\e",
    "-": r"\-",  # a plain one may become a typographic hyphen, which no shell understands
    "'": r"\(aq",
    '"': r"\(dq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    "…": "...",
    "—": r"\(em",
}
_TYPED = re.compile(r"`([^`]+)`")
_NAMED = re.compile(r"[A-Z][A-Z0-9=,]*")


def page(program: Program) -> str:
    """Return the whole page."""
    title = program.name.upper()
    sections: list[tuple[str, Iterable[str]]] = [
        ("NAME", [f"{escape(program.name)} \\- {escape(program.purpose)}"]),
        ("SYNOPSIS", _separated(_line(form) for form in program.synopsis)),
        ("DESCRIPTION", _separated(_prose(text) for text in program.description)),
        ("COMMANDS", _commands(program)),
        ("OPTIONS", [_prose(program.options), *_options(program.root.options)]),
        ("ENVIRONMENT", [*_rows(program.environment), ".PP", _prose(program.precedence)]),
        ("EXIT STATUS", _rows(program.exit_codes)),
        ("FILES", [*_rows(program.files), *_settings(program)]),
        ("EXAMPLES", _steps(program)),
        ("SEE ALSO", [", ".join(f"\\fB{escape(name)}\\fR(1)" for name in program.others)]),
    ]
    lines = [
        '.\\" Made from the command line by `make docs`; do not edit.',
        f'.TH {escape(title)} 1 "" "MCP Ambassador {escape(__version__)}" "MCP Ambassador"',
        ".nh",
        ".ad l",
    ]
    for name, body in sections:
        lines += [f'.SH "{name}"' if " " in name else f".SH {name}", *body]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return text that a formatter shows as it is, also at the beginning of a line."""
    escaped = "".join(_SPECIAL.get(char, char) for char in text)
    escaped = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in escaped)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _commands(program: Program) -> Iterator[str]:
    for command in program.root.walk():
        if not command.path:
            continue
        own = program.own_options(command)
        optional = any(not option.required for option in own)
        yield f'.SS "{escape(command.words)}"'
        yield _line(usage(program.name, command, optional=optional))
        for text in (command.summary, *command.details):
            yield ".PP"
            yield _prose(text)
        for argument in command.arguments:
            yield from _item(f"\\fI{escape(argument.metavar)}\\fR", argument_explanation(argument))
        yield from _options(own)
        if command.example:
            yield ".PP"
            yield "Example:"
            yield from _typed([command.example])


def _options(options: Iterable[Option]) -> Iterator[str]:
    for option in options:
        names = ", ".join(f"\\fB{escape(name)}\\fR" for name in option.names)
        value = f" \\fI{escape(option.metavar)}\\fR" if option.metavar else ""
        yield from _item(names + value, explanation(option))


def _rows(rows: Rows) -> Iterator[str]:
    for term, text in rows:
        yield from _item(f"\\fB{escape(term)}\\fR", text)


def _steps(program: Program) -> Iterator[str]:
    for number, (why, lines) in enumerate(program.steps):
        if number:
            yield ".PP"
        yield _prose(why)
        yield from _typed(lines)


def _settings(program: Program) -> Iterator[str]:
    if program.settings:
        yield from _typed(program.settings.splitlines())


def _item(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield _prose(text)


def _typed(lines: Iterable[str]) -> Iterator[str]:
    yield from (".PP", ".RS 4", ".nf", *map(escape, lines), ".fi", ".RE")


def _prose(text: str) -> str:
    parts = _TYPED.split(text)  # every second one stood between backticks
    return "".join(f"\\fB{escape(part)}\\fR" if odd % 2 else escape(part) for odd, part in enumerate(parts))


def _line(text: str) -> str:
    return " ".join(_word(word) for word in text.split())


def _word(word: str) -> str:
    """Typed words are bold, names of values italic, brackets and dots plain."""
    before, name, after = re.fullmatch(r"(\[?)(.*?)((?:\])?(?:\.\.\.)?\]?)", word).groups()  # type: ignore[union-attr] # matches anything
    font = "I" if _NAMED.fullmatch(name) else "B"
    return f"{before}\\f{font}{escape(name)}\\fR{after}"


def _separated(paragraphs: Iterable[str]) -> Iterator[str]:
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield paragraph
