"""Writes a program's completion for bash 3.2 and newer: tables of words, and a walk over what was typed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.documents.model import Command, Option, Takes, has_live_names
from tests.documents.programs import Program

_Taken = tuple[Takes, str, str]
_HARMLESS = re.compile(r"[A-Za-z0-9_.:+-]+")

_SCRIPT = r"""# Completion of @NAME@ for bash. Made from its command line by `make docs`; do not edit.

# Sets `commands` and `options` to what may follow the command `path`.
@FUNCTION@_words() {
    local shared="@SHARED@"
    commands="" options=""
    case $path in
@FIELDS@
    esac
}

# Sets `takes`, `choices` and `live` to what belongs behind the option $1 of the command `path`; a flag takes nothing.
@FUNCTION@_option() {
    takes="" choices="" live=""
    case $path:$1 in
@OPTIONS@
    esac
}

# Sets `takes`, `choices` and `live` to what the command `path` takes as its argument number $1.
@FUNCTION@_argument() {
    takes="" choices="" live=""
    case $path:$1 in
@ARGUMENTS@
    esac
}

@FUNCTION@() {
    local commands options takes choices live IFS=$' \t\n'
    local path="" place=1 expected="" literal="" before="" kept cur word raw broken="" i
    local rest=${COMP_LINE#*"${COMP_WORDS[0]}"}
    local -a words
    words=() COMPREPLY=()

    # Bash ends words at = and :, too. What has no blank in between is one word to the program.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        raw=${COMP_WORDS[i]}
        [[ $raw && -z ${raw//[=:]/} ]] && broken=1
        if [[ $broken && $i -gt 1 && $rest != [[:blank:]]* ]]; then
            words[${#words[@]}-1]+=$raw
        else
            words[${#words[@]}]=$raw
        fi
        [[ -z $raw || ${raw//[=:]/} ]] && broken=""
        rest=${rest#*"$raw"}
    done
    cur=${words[${#words[@]}-1]}
    # Bash replaces what comes after the last of them only.
    if [[ $broken ]]; then kept=$cur; else kept=${cur%"$raw"}; fi

    @FUNCTION@_words
    for ((i = 0; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $expected ]]; then
            expected=""
        elif [[ $literal ]]; then
            ((place++))
        elif [[ $word == -- ]]; then
            literal=1
        elif [[ $word == -* ]]; then
@IMPLIED@            @FUNCTION@_option "$word"
            expected=$takes
        elif [[ " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            @FUNCTION@_words
        else
            ((place++))
        fi
    done

    takes="" choices="" live=""
    if [[ $expected ]]; then
        @FUNCTION@_option "$word"
    elif [[ -z $literal && $cur == --*=* ]]; then
        before=${cur%%=*}=
        @FUNCTION@_option "${cur%%=*}"
    elif [[ -z $literal && $cur == -* ]]; then
        choices=$options
    elif [[ $commands ]]; then
        choices=$commands
    else
        @FUNCTION@_argument "$place"
    fi
    case $takes in
        file) compopt -o default 2>/dev/null ;;
        directory) compopt -o dirnames 2>/dev/null ;;
    esac
@LIVE@    for word in $choices; do
        word=$before$word
        [[ $word == "$cur"* ]] && COMPREPLY[${#COMPREPLY[@]}]=${word#"$kept"}
    done
    return 0
}

complete -F @FUNCTION@ @NAME@
"""

# The program prints nothing that a shell would have to quote.
_LIVE = r"""    if [[ $live ]]; then
        while IFS=$'\t' read -r word _; do
            choices+=" $word"
        done < <(command @NAME@ names "$live" "${cur#"$before"}" "${words[@]}" 2>/dev/null </dev/null)
    fi
"""


def script(program: Program) -> str:
    """Return the whole script."""
    root = program.root
    parts = {
        "@SHARED@": _names(program.shared_options),
        "@FIELDS@": _lines(_words(program)),
        "@OPTIONS@": _lines(_options(list(root.walk()))),
        "@ARGUMENTS@": _lines(_arguments(root)),
        "@IMPLIED@": _implied(root),
        "@LIVE@": _LIVE if has_live_names(root) else "",
        "@FUNCTION@": _function(program.name),
        "@NAME@": program.name,
    }
    text = _SCRIPT
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _function(name: str) -> str:
    return f"_{name.replace('-', '_')}"


def _names(options: Iterable[Option]) -> str:
    return _list(name for option in options for name in option.names)


def _words(program: Program) -> Iterator[str]:
    shared = _names(program.shared_options)
    for command in program.root.walk():
        below = _list(each.path[-1] for each in command.commands)
        options = _names((*command.implied_options, *command.options))
        if options.endswith(shared):
            options = options.removesuffix(shared) + "$shared"
        given = [f'commands="{below}"'] * bool(below) + [f'options="{options}"']
        yield f'"{command.words}") {" ".join(given)} ;;'


def _options(commands: list[Command]) -> Iterator[str]:
    """Yield one arm for each thing that can be taken, with every option that takes it."""
    meanings: defaultdict[str, defaultdict[_Taken, list[str]]] = defaultdict(lambda: defaultdict(list))
    for command in commands:
        for option in command.options:
            for name in option.names:
                meanings[name][option.takes, _list(option.choices), option.live].append(command.words)
    arms: defaultdict[_Taken, list[str]] = defaultdict(list)
    for name, found in meanings.items():
        for what, paths in found.items():
            arms[what] += [f"*:{name}"] if len(found) == 1 else [f'"{path}":{name}' for path in paths]
    for taken, patterns in arms.items():
        if taken[0] is not Takes.NOTHING:
            yield f"{' | '.join(patterns)}) {_taken(*taken)} ;;"


def _arguments(root: Command) -> Iterator[str]:
    for command in root.leaves():
        for number, argument in enumerate(command.arguments, 1):
            if argument.choices or argument.live or argument.takes is not Takes.WORD:
                place = "*" if argument.repeatable else str(number)
                taken = _taken(argument.takes, _list(argument.choices), argument.live)
                yield f'"{command.words}":{place}) {taken} ;;'


def _taken(takes: Takes, choices: str, live: str) -> str:
    return f"takes={takes}" + f' choices="{choices}"' * bool(choices) + f" live={live}" * bool(live)


def _implied(root: Command) -> str:
    if not root.implied:
        return ""
    return (
        f'            if [[ -z $path && " {_names(root.implied_options)} " == *" ${{word%%=*}} "* ]]; then\n'
        f"                path={root.implied}\n"
        "                @FUNCTION@_words\n"
        "            fi\n"
    )


def _list(words: Iterable[str]) -> str:
    words = list(words)
    odd = [word for word in words if not _HARMLESS.fullmatch(word)]
    if odd:
        raise ValueError(f"not fit for a shell without quotes: {odd}")
    return " ".join(words)


def _lines(arms: Iterable[str]) -> str:
    return "\n".join(f"        {arm}" for arm in arms)
