"""Registers functions as commands `NOUN VERB`, with the options that all commands share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from ambassador_admin.cli.aliases import NounGroup
from ambassador_admin.cli.watching import WatchOptions
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Environment, Invocation
from ambassador_admin.context.settings import GlobalOptions
from ambassador_admin.output import Format
from ambassador_protocol import __version__

P = ParamSpec("P")
Verb = Callable[Concatenate[Invocation, P], None]

_HELP = {"help_option_names": ["-h", "--help"]}


def noun(help: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(
        cls=NounGroup, help=help, add_completion=False, rich_markup_mode=None, context_settings=_HELP
    )


def verb(
    group: typer.Typer,
    name: str,
    *,
    changes: bool = False,
    destroys: bool = False,
    asks: bool = False,
    watch: bool = False,
) -> Callable[[Verb[P]], Verb[P]]:
    """Register a function as the command `name`; it takes the invocation and its own parameters.

    A parameter whose type is a dataclass becomes one option per field. A command that `changes` something gets the
    option --dry-run, one that `destroys` something or `asks` also --yes, and one that people `watch` gets --watch.
    """

    def register(function: Verb[P]) -> Verb[P]:
        own = _parameters(function)[1:]
        value_objects = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
        extra = [_DRY_RUN] * (changes or destroys) + [_YES] * (destroys or asks) + _WATCH * watch

        def command(ctx: typer.Context, **values: Any) -> None:
            options = _collect(GlobalOptions, values)
            watching = _collect(WatchOptions, values)
            for parameter, kind in value_objects.items():
                values[parameter] = _collect(kind, values)
            earlier, environment = ctx.obj
            merged = options.merged_over(earlier)
            with Invocation(merged, environment, changes=changes or destroys) as admin:
                watching.run(admin, partial(function, admin, **values))

        _declare(command, [*_expanded(own), *extra, *_SHARED])
        group.command(name, help=function.__doc__, context_settings=_HELP)(command)
        return function

    return register


def accept_options_before_noun(group: typer.Typer) -> None:
    """Accept the shared options before the noun, too."""

    def remember(ctx: typer.Context, version: bool, **values: Any) -> None:
        ctx.obj = (GlobalOptions(**values), ctx.obj)

    _declare(remember, [*_SHARED, _VERSION])
    group.callback()(remember)


def _shared(
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="The server's admin address; port 9443 by default."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            metavar="FILE",
            help="The CA certificate to verify the server with, in PEM.",
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="NAME", help="The context to use instead of the current one."),
        NameKind.CONTEXT,
    ] = None,
    output: Annotated[
        Format | None, typer.Option("--output", "-o", metavar="FORMAT", help=f"One of {', '.join(Format)}.")
    ] = None,
    fields: Annotated[
        str | None, typer.Option("--fields", metavar="A,B", help="Show only these fields of the JSON output.")
    ] = None,
    jq: Annotated[
        str | None,
        typer.Option(
            "--jq", metavar="EXPRESSION", help="Show what a jq expression selects from the JSON output."
        ),
    ] = None,
    no_headers: Annotated[
        bool, typer.Option("--no-headers", help="Leave out the titles of a table or of CSV.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No messages besides warnings and errors.")
    ] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Use no colours.")] = False,
) -> None:
    """Declare the options of every command."""


def _changing(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the change on the server and show it, but change nothing."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Declare the options of commands that change something."""


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        environment: Environment = ctx.obj
        environment.stdout.write(f"{ctx.info_name} {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Declare the options that are accepted only before a noun."""


def _parameters(function: Callable[..., None]) -> list[Parameter]:
    return list(signature(function, eval_str=True).parameters.values())


def _expanded(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    for parameter in parameters:
        if not is_dataclass(parameter.annotation):
            yield parameter
            continue
        for field in fields(parameter.annotation):
            default = Parameter.empty if field.default is MISSING else field.default
            yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=field.type)


def _collect(kind: Any, values: dict[str, Any]) -> Any:
    return kind(**{field.name: values.pop(field.name) for field in fields(kind) if field.name in values})


def _declare(command: Callable[..., None], parameters: Iterable[Parameter]) -> None:
    context = Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    named = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters]
    vars(command)["__signature__"] = Signature([context, *named])


_SHARED = _parameters(_shared)
_DRY_RUN, _YES = _parameters(_changing)
_WATCH = list(_expanded([Parameter("_", Parameter.KEYWORD_ONLY, annotation=WatchOptions)]))
(_VERSION,) = _parameters(_root)
