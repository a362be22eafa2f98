"""Writes a program's completion for zsh: one function for each command, over `_arguments`."""

import re
from collections.abc import Iterator

from tests.documents.model import Argument, Command, Option, Takes, has_live_names
from tests.documents.programs import Program

_HEAD = """#compdef {name}
# Completion of {name} for zsh. Made from its command line by `make docs`; do not edit.
"""
_FOOT = """
# Autoloaded from fpath this file is the function itself; read with `source` it registers it.
if [[ $funcstack[1] == _{name} ]]; then
    _{name} "$@"
else
    compdef _{name} {name}
fi
"""

# `said` is the whole line: _arguments leaves the functions below no more than their own part of it.
_LIVE = r"""_@NAME@_names() {
    local line
    local -a found
    for line in "${(@f)$(command @NAME@ names ${@[-1]} "${(Q)PREFIX}" "${(@)said}" 2>/dev/null </dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\:}:${line#*$'\t'}")
    done
    _describe -t names name found
}
"""


def script(program: Program) -> str:
    """Return the whole script."""
    functions = [_function(program, command) for command in program.root.walk()]
    if has_live_names(program.root):
        functions.append(_LIVE.replace("@NAME@", program.name))
    return "\n".join([_HEAD.format(name=program.name), *functions]) + _FOOT.format(name=program.name)


def _function(program: Program, command: Command) -> str:
    body = _group(program, command) if command.commands else _leaf(program, command)
    return "\n".join([f"{_name(program, command)}() {{", *(f"    {line}" for line in body), "}", ""])


def _leaf(program: Program, command: Command) -> Iterator[str]:
    arguments = [_argument(program, each) for each in command.arguments]
    yield from _call("_arguments -s -S", [*_options(program, command), *arguments])


def _group(program: Program, command: Command) -> Iterator[str]:
    if not command.path:
        yield 'local -a said=("${(@)words}")'
        yield "local -a shared=("
        yield from (f"    {_option(program, option)}" for option in program.shared_options)
        yield ")"
    yield "local curcontext=$curcontext state line"
    yield "typeset -A opt_args"
    yield "local -a commands=("
    for each in command.commands:
        yield f"    {_quoted(each.path[-1] + ':' + _plain(each.summary))}"
    yield ")"
    implied = [_option(program, option, excluded=(":", "*")) for option in command.implied_options]
    specs = [*_options(program, command), *implied, "'1: :->command'", "'*:: :->below'"]
    yield from _call("_arguments -C -s -S", specs)
    yield "case $state in"
    yield "    command) _describe -t commands command commands ;;"
    yield "    below)"
    yield "        case $line[1] in"
    for each in command.commands:
        yield f"            {each.path[-1]}) {_name(program, each)} ;;"
    yield "        esac"
    yield "        ;;"
    yield "esac"


def _options(program: Program, command: Command) -> list[str]:
    """Return the specifications of a command's options, those of every command by the name of their list."""
    shared = program.shared_options
    if not all(each in command.options for each in shared):
        return [_option(program, each) for each in command.options]
    return [*(_option(program, each) for each in command.options if each not in shared), "$shared"]


def _call(function: str, specs: list[str]) -> Iterator[str]:
    yield f"{function} : \\"
    for spec in specs[:-1]:
        yield f"    {spec} \\"
    yield f"    {specs[-1]}"


def _option(program: Program, option: Option, *, excluded: tuple[str, ...] = ()) -> str:
    if set(option.names) & {"--help", "--version"}:
        excluded = ("-", ":", "*")
    elif len(option.names) > 1 and not option.repeatable:
        excluded += option.names
    before = f"({' '.join(excluded)})" * bool(excluded) + "*" * option.repeatable
    names = [_spelling(name, option.takes) for name in option.names]
    said = f"[{_plain(option.help)}]"
    if option.takes is not Takes.NOTHING:
        said += f":{_plain(option.metavar)}:{_action(program, option)}"
    listed = names[0] if len(names) == 1 else f"{{{','.join(names)}}}"
    return f"{_quoted(before) if before else ''}{listed}{_quoted(said)}"


def _spelling(name: str, takes: Takes) -> str:
    """Say that a value may follow in the same word, after = or at once."""
    if takes is Takes.NOTHING:
        return name
    return f"{name}=" if name.startswith("--") else f"{name}+"


def _argument(program: Program, argument: Argument) -> str:
    place = "*:" if argument.repeatable else ":" if argument.required else "::"
    return _quoted(f"{place}{_plain(argument.metavar)}:{_action(program, argument)}")


def _action(program: Program, taken: Option | Argument) -> str:
    if taken.choices:
        return f"({' '.join(word.replace(':', chr(92) + ':') for word in taken.choices)})"
    if taken.live:
        return f"_{program.name}_names {taken.live}"
    return {Takes.FILE: "_files", Takes.DIRECTORY: "_files -/"}.get(taken.takes, " ")


def _name(program: Program, command: Command) -> str:
    return "_".join([f"_{program.name}", *command.path])


def _plain(text: str) -> str:
    """Escape what ends a description or a message."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
