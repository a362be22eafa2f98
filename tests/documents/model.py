"""A command line as data: commands with their arguments, options and example, whatever it was declared with."""

import inspect
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from ambassador_admin.completion.kinds import NameKind

EXAMPLE = "Example: "
HELP = "Show the help and exit."

# Typer's own, which this repository's files replace.
_COMPLETION_OF_TYPER = frozenset({"install_completion", "show_completion"})


class Takes(StrEnum):
    """The value of an option or an argument."""

    NOTHING = "nothing"
    WORD = "word"
    FILE = "file"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option; `metavar` is empty for a flag, `choices` are all the words it takes, if they are known.

    `live` is the kind of name that a server knows, empty where it takes something else.
    """

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    takes: Takes = Takes.NOTHING
    choices: tuple[str, ...] = ()
    live: str = ""
    default: str = ""
    required: bool = False
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One word, or with `repeatable` any number of them; `choices` and `live` as of an option."""

    metavar: str
    help: str
    takes: Takes = Takes.WORD
    choices: tuple[str, ...] = ()
    live: str = ""
    required: bool = True
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, or a group of them; `path` is what stands between the program's name and the arguments.

    `implied` names the command below that is meant when one of its options stands where a command should.
    """

    path: tuple[str, ...]
    summary: str
    details: tuple[str, ...] = ()
    example: str = ""
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    commands: tuple["Command", ...] = ()
    implied: str = ""

    @property
    def words(self) -> str:
        """The path as it is typed."""
        return " ".join(self.path)

    @property
    def implied_options(self) -> tuple[Option, ...]:
        """The options that stand for the implied command."""
        found = (
            each for command in self.commands if command.path[-1] == self.implied for each in command.options
        )
        return tuple(option for option in found if option not in self.options)

    def walk(self) -> Iterator["Command"]:
        """Yield this command and all below it, in the order they were declared."""
        yield self
        for command in self.commands:
            yield from command.walk()

    def leaves(self) -> Iterator["Command"]:
        """Yield the commands that are not groups."""
        return (command for command in self.walk() if not command.commands)


def read_typer(
    command: Any, path: tuple[str, ...] = (), help_names: tuple[str, ...] = ("--help",)
) -> Command:
    """Read what `typer.main.get_command` returns."""
    help_names = tuple(command.context_settings.get("help_option_names", help_names))
    parameters = [each for each in command.params if each.name not in _COMPLETION_OF_TYPER]
    types = _types(command.callback)
    options = [_option(each, types) for each in parameters if _is_option(each) and not each.hidden]
    if command.add_help_option and help_names:
        options.append(Option(names=help_names, help=HELP))
    summary, details, example = _told(command.help)
    below = getattr(command, "commands", {})
    return Command(
        path=path,
        summary=summary,
        details=details,
        example=example,
        arguments=tuple(_argument(each, types) for each in parameters if not _is_option(each)),
        options=tuple(options),
        commands=tuple(
            read_typer(each, (*path, name), help_names) for name, each in below.items() if not each.hidden
        ),
    )


def read_argparse(parser: ArgumentParser) -> tuple[Option, ...]:
    """Read the options of a parser of the standard library."""
    return tuple(
        Option(
            names=tuple(action.option_strings),
            help=HELP if action.dest == "help" else _sentence(action.help or ""),
            metavar=str(action.metavar or ""),
            takes=_takes(action.dest, str(action.metavar or ""), action.type),
        )
        for action in parser._actions
        if action.help is not SUPPRESS
    )


def has_live_names(root: Command) -> bool:
    """Tell whether any command below takes a name that a server knows."""
    return any(each.live for command in root.walk() for each in (*command.options, *command.arguments))


def _is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


def _option(parameter: Any, types: Mapping[str, Any]) -> Option:
    names = tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
    help = parameter.help or ""
    least = getattr(parameter.type, "min", None)  # only a range has one
    if least is not None:
        help += f" At least {least:g}."
    if parameter.is_flag:
        return Option(names=names, help=help)
    kind = _bare(types[parameter.name])
    choices = _choices(kind)
    metavar = parameter.metavar or {int: "N", Path: "PATH"}.get(kind, "WORD" if choices else "TEXT")
    return Option(
        names=names,
        help=help,
        metavar=metavar,
        takes=_takes(parameter.name, metavar, kind),
        choices=choices,
        live=_live(types[parameter.name]),
        default=_default(parameter),
        required=parameter.required,
        repeatable=parameter.multiple,
    )


def _argument(parameter: Any, types: Mapping[str, Any]) -> Argument:
    metavar = parameter.metavar or parameter.name.upper()
    kind = _bare(types[parameter.name])
    return Argument(
        metavar=metavar,
        help=parameter.help or "",
        takes=_takes(parameter.name, metavar, kind),
        choices=_choices(kind),
        live=_live(types[parameter.name]),
        required=parameter.required,
        repeatable=parameter.nargs == -1,
    )


def _types(callback: Any) -> dict[str, Any]:
    if callback is None:
        return {}
    found = inspect.signature(callback, eval_str=True).parameters.values()
    return {each.name: each.annotation for each in found}


def _live(annotation: Any) -> str:
    """Return the kind of name that the annotation declares."""
    declared = getattr(annotation, "__metadata__", ())
    return next((each.value for each in declared if isinstance(each, NameKind)), "")


def _bare(annotation: Any) -> Any:
    """Return the type inside `Annotated`, `| None` and `list`."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated or origin is list:
        return _bare(inside[0])
    if origin in (Union, UnionType):
        return _bare(next(each for each in inside if each is not type(None)))
    return annotation


def _choices(kind: Any) -> tuple[str, ...]:
    return tuple(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else ()


def _takes(name: str, metavar: str, kind: Any) -> Takes:
    if not metavar:
        return Takes.NOTHING
    if name.endswith("_dir"):
        return Takes.DIRECTORY
    if metavar == "FILE" or kind is Path:
        return Takes.FILE
    return Takes.WORD


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.default in (None, "") or parameter.required:
        return ""
    default = parameter.default
    return f"{default:g}" if isinstance(default, int | float) else str(default)


def _told(help: str | None) -> tuple[str, tuple[str, ...], str]:
    paragraphs = [" ".join(text.split()) for text in inspect.cleandoc(help or "").split("\n\n")]
    example = next((text.removeprefix(EXAMPLE) for text in paragraphs if text.startswith(EXAMPLE)), "")
    summary, *details = [text for text in paragraphs if not text.startswith(EXAMPLE)]
    return summary, tuple(details), example


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
