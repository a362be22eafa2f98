"""Writes a program's completion for fish: one line for each word, on the condition that its command was typed."""

from collections.abc import Iterable, Iterator

from tests.documents.model import Argument, Command, Option, Takes, has_live_names
from tests.documents.programs import Program

_SCRIPT = r"""# Completion of @NAME@ for fish. Made from its command line by `make docs`; do not edit.

# Succeeds when the command typed so far is the arguments, or with - as argument, when it is no group of commands.
function @FUNCTION@
    set -l typed
    set -l is_value no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
@IMPLIED@        switch $word
            case --
                break
            case '--*=*'
                continue
@VALUES@
            case '-*'
                continue
        end
        switch "$typed"
@BELOW@
        end
    end
    if test "$argv" = -
        not contains -- "$typed"@GROUPS@
    else
        test "$typed" = "$argv"
    end
end

@LIVE@complete -c @NAME@ -f

@LINES@
"""

_LIVE = r"""# Prints the names of a kind that begin like the word at the cursor, each with its description.
function @FUNCTION@_names
    set -l token (commandline -ct | string replace -r '^--[^=]*=' '')
    command @NAME@ names $argv[1] "$token" (commandline -opc) 2>/dev/null </dev/null
end

"""


def script(program: Program) -> str:
    """Return the whole script."""
    root = program.root
    parts = {
        "@IMPLIED@": _implied(root),
        "@VALUES@": "\n".join(_options_with_value(root)),
        "@BELOW@": "\n".join(_below(root)),
        "@GROUPS@": "".join(f" {_quoted(each.words)}" for each in root.walk() if each.commands and each.path),
        "@LIVE@": _LIVE if has_live_names(root) else "",
        "@LINES@": "\n".join(_lines(program)),
        "@FUNCTION@": _function(program),
        "@NAME@": program.name,
    }
    text = _SCRIPT
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _function(program: Program) -> str:
    return f"__{program.name.replace('-', '_')}_at"


def _options_with_value(root: Command) -> Iterator[str]:
    """Yield the arms for options that take a value; what is a flag elsewhere takes one in some commands only."""
    flags, valued = (_commands_by_option(root, is_flag) for is_flag in (True, False))
    yield f"            case {' '.join(name for name in valued if name not in flags)}"
    yield "                set is_value yes"
    yield "                continue"
    for name, paths in valued.items():
        if name in flags:
            yield f"            case {name}"
            yield f'                contains -- "$typed" {" ".join(map(_quoted, paths))}; and set is_value yes'
            yield "                continue"


def _commands_by_option(root: Command, is_flag: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for command in root.walk():
        for option in command.options:
            if (option.takes is Takes.NOTHING) is is_flag:
                for name in option.names:
                    found.setdefault(name, []).append(command.words)
    return found


def _below(root: Command) -> Iterator[str]:
    for command in root.walk():
        if command.commands:
            names = " ".join(each.path[-1] for each in command.commands)
            yield f"            case {_quoted(command.words)}"
            yield f"                contains -- $word {names}; and set -a typed $word"


def _implied(root: Command) -> str:
    names = [name for option in root.implied_options for name in option.names]
    if not names:
        return ""
    return (
        f"        if test -z \"$typed\"; and contains -- (string replace -r '=.*' '' -- $word) {' '.join(names)}\n"
        f"            set typed {root.implied}\n"
        "        end\n"
    )


def _lines(program: Program) -> Iterator[str]:
    root, start = program.root, f"complete -c {program.name}"
    everywhere = [each for each in root.options if all(each in command.options for command in root.walk())]
    shared = program.shared_options
    for option in shared:
        condition = "" if option in everywhere else f" -n '{_function(program)} -'"
        yield f"{start}{condition} {_option(option, program)}"
    for command in root.walk():
        at = f"{_function(program)} {command.words}".rstrip()
        for below in command.commands:
            yield f"{start} -n '{at}' -a {below.path[-1]} -d {_quoted(below.summary)}"
        for option in command.options:
            if option in shared:
                continue
            also = (
                f"{_function(program)}; or "
                if option in root.implied_options and command.words == root.implied
                else ""
            )
            yield f"{start} -n '{also}{at}' {_option(option, program)}"
        yield from (f"{start} -n '{at}' {each}" for each in _arguments(command.arguments, program))


def _option(option: Option, program: Program) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    return " ".join([*names, *_taken(option, program), f"-d {_quoted(option.help)}"])


def _taken(option: Option, program: Program) -> Iterator[str]:
    if option.choices:
        yield f"-x -a {_quoted(' '.join(option.choices))}"
    elif option.live:
        yield f"-x -a '({_function(program)}_names {option.live})'"
    elif option.takes is Takes.FILE:
        yield "-r -F"
    elif option.takes is Takes.DIRECTORY:
        yield "-x -a '(__fish_complete_directories)'"
    elif option.takes is Takes.WORD:
        yield "-x"


def _arguments(arguments: Iterable[Argument], program: Program) -> Iterator[str]:
    for argument in arguments:
        if argument.choices:
            yield f"-a {_quoted(' '.join(argument.choices))} -d {_quoted(argument.help)}"
        elif argument.live:
            yield f"-a '({_function(program)}_names {argument.live})'"
        elif argument.takes is Takes.FILE:
            yield "-F"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
