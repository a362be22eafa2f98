"""The commands `export`, `diff` and `apply`: declare users, groups, MCPs, grants and keys in files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ConflictError, ExitCode, RefusedError, UsageError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column
from ambassador_protocol.problems import ProblemCode

if TYPE_CHECKING:
    from ambassador_admin.declarative.apply import ApplyResult
    from ambassador_admin.declarative.key_destinations import KeyDestination
    from ambassador_admin.declarative.objects import CurrentObject, DesiredState
    from ambassador_admin.declarative.plan import Plan

CHANGE = View(
    "changes",
    (
        Column("ACTION", "action"),
        Column("KIND", "kind"),
        Column("NAME", "name", whole=True),
        Column("RESULT", "result", status=True),
        Column("ERROR", "error"),
    ),
    ("action", "kind", "name", "owner", "before", "after", "result", "error"),
)

_RUN_AGAIN = "run the same command again to complete it"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """The options that say what the server should have."""

    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="A YAML file, a directory of YAML files, or - for standard input; may be repeated.",
        ),
    ]
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove what these files own and no longer name.")
    ] = False
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Become the owner of named objects that have none; never of another owner's."
        ),
    ] = False
    allow_unmatched: Annotated[
        bool,
        typer.Option("--allow-unmatched", help="Accept new grants with patterns that match no known tool."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """The options that say where issued keys go."""

    keys_to: Annotated[
        Path | None,
        typer.Option(
            "--keys-to", metavar="DIR", help="Write each new key to a file with mode 0600 in this directory."
        ),
    ] = None
    keys_command: Annotated[
        str | None,
        typer.Option(
            "--keys-command",
            metavar="CMD",
            help="Run this command for each new key, with the key on its standard input and MCP_AMBASSADOR_KEY_USER "
            "and MCP_AMBASSADOR_KEY_NAME in its environment. No shell is used.",
        ),
    ] = None


def register(app: typer.Typer) -> None:
    """Register the commands of this module, which have no noun."""
    verb(app, "export")(export)
    verb(app, "diff")(diff)
    verb(app, "apply", destroys=True)(apply)


def export(
    admin: Invocation,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="Only the objects of this owner; '' for objects without one."
        ),
    ] = None,
) -> None:
    """Print the server's objects as YAML for `apply`, one document per owner.

    Example: ambassador-admin export --owner ci/people
    """
    from ambassador_admin.declarative.export import documents, export_text, masked

    state = [each for each in _state(admin) if owner is None or each.owner == (owner or None)]
    for name in masked(state):
        admin.output.warn(f"MCP {name}: secrets in its options are masked; replace the masks by references.")
    found = documents(state) or [{"owner": owner or None}]
    if admin.output.format is Format.JSON:
        admin.output.document(found)
    else:
        admin.output.write(export_text(found, admin.output.encoding))


def diff(admin: Invocation, files: FileOptions) -> None:
    """Show what `apply` would change; exit code 10 if there are changes.

    The server checks each change without making it; one that it would refuse is an error that names file and line.

    Example: ambassador-admin diff -f people.yaml --prune
    """
    plan = _plan(admin, files)
    _show(admin, plan)
    try:
        _check_on_server(admin, plan, files)
    except RefusedError as error:
        if error.exit_code is not ExitCode.DENIED:
            raise
        # An administrator with only the right to read can still look for differences.
        admin.output.warn(f"The server did not check the changes: {error.message}")
    if plan.operations:
        raise typer.Exit(ExitCode.DRIFT)


def apply(admin: Invocation, files: FileOptions, key_options: KeyOptions) -> None:
    """Change the server to what the files declare; meanwhile no call is permitted that is denied before and after.

    Objects of other owners are not changed. If a run stops, its changes remain; run the same command again to complete
    it. With --prune it asks for confirmation before it removes anything.

    Example: ambassador-admin apply -f people.yaml --prune --yes
    """
    plan = _plan(admin, files)
    destination = _destination(admin, plan, key_options)
    if admin.options.dry_run:
        _show(admin, plan)
        _check_on_server(admin, plan, files)
        admin.output.say("Dry run: the server would accept this; nothing was changed.")
        return
    removals = sum(operation.action == "remove" for operation in plan.operations)
    if files.prune and removals:
        if not admin.options.yes:
            _show(admin, plan)
        admin.confirm(f"Apply {len(plan.operations)} changes, {removals} of which remove something?")
    _carry_out(admin, plan, destination, files)


def _plan(admin: Invocation, files: FileOptions) -> "Plan":
    from ambassador_admin.declarative.plan import make_plan

    desired = _desired(admin, files)
    state = _state(admin)
    plan = make_plan(
        desired, state, now=admin.environment.now(), prune=files.prune, take_over=files.take_over
    )
    if plan.conflicts:
        for line in plan.conflicts[:20]:
            admin.output.say(line)
        raise ConflictError(
            f"{len(plan.conflicts)} conflicts; nothing was sent.", hint="docs/ci-provisioning.md"
        )
    return plan


def _check_on_server(admin: Invocation, plan: "Plan", files: FileOptions) -> None:
    """Raise RefusedError if the server would refuse an operation, after a line for each."""
    from ambassador_admin.declarative.progress import progress
    from ambassador_admin.declarative.server_check import PlanChecker, refusal_line

    checker = PlanChecker(admin.api, allow_unmatched=files.allow_unmatched)
    with progress(admin.environment.stderr, "Checking"):
        checker.run(plan.operations)
    for warning in checker.result.warnings:
        admin.output.warn(warning)
    refused = checker.result.refused
    for operation, error in refused:
        admin.output.say(refusal_line(operation, error))
    if refused:
        first = refused[0][1]
        raise RefusedError(
            f"The server would refuse {len(refused)} of {len(plan.operations)} changes; nothing was changed.",
            hint=first.hint,
            code=first.code,
            exit_code=first.exit_code,
        )


def _desired(admin: Invocation, files: FileOptions) -> "DesiredState":
    from ambassador_admin.declarative.document import InvalidFilesError, read_desired

    try:
        desired = read_desired(files.file, admin.environment.stdin)
    except InvalidFilesError as error:
        for line in error.lines:
            admin.output.say(line)
        raise
    if not desired.objects and not desired.owners:
        admin.output.warn("The files are empty: they declare no object, and no owner.")
    for warning in desired.warnings:
        admin.output.warn(warning)
    if files.prune and desired.owners == {None}:
        raise UsageError("--prune needs a file with an owner: objects without an owner are never pruned.")
    return desired


def _state(admin: Invocation) -> "list[CurrentObject]":
    from ambassador_admin.declarative.progress import progress
    from ambassador_admin.declarative.server_state import read_state

    with progress(admin.environment.stderr, "Reading") as advance:
        return read_state(admin.api, admin.environment.now(), lambda: advance(1))


def _destination(admin: Invocation, plan: "Plan", key_options: KeyOptions) -> "KeyDestination | None":
    from ambassador_admin.declarative.key_destinations import KeyCommand, KeyFiles

    wanted = [each.key for each in plan.operations if each.kind == "key" and each.action == "create"]
    if key_options.keys_to is not None and key_options.keys_command is not None:
        raise UsageError("--keys-to and --keys-command exclude each other.")
    destination: KeyDestination | None = None
    if key_options.keys_to is not None:
        destination = KeyFiles(key_options.keys_to)
    elif key_options.keys_command is not None:
        destination = KeyCommand(key_options.keys_command, admin.environment.variables)
    if wanted and not admin.options.dry_run:
        if destination is None:
            raise UsageError(
                f"New keys need a destination, as a key is shown only once; {len(wanted)} would be issued.",
                hint="--keys-to DIR, or --keys-command CMD",
            )
        destination.prepare(wanted)
    return destination


def _carry_out(
    admin: Invocation, plan: "Plan", destination: "KeyDestination | None", files: FileOptions
) -> None:
    from ambassador_admin.declarative.apply import PlanRunner
    from ambassador_admin.declarative.progress import progress

    with progress(admin.environment.stderr, "Applying", len(plan.operations)) as advance:
        runner = PlanRunner(admin.api, destination, advance, allow_unmatched=files.allow_unmatched)
        with _report_interrupt(admin, plan, runner.result):
            runner.run(plan.operations)
    result = runner.result
    _report(admin, plan, result)
    _fail_unless_complete(plan, result)


@contextmanager
def _report_interrupt(admin: Invocation, plan: "Plan", result: "ApplyResult") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        admin.output.say(
            f"Interrupted: {len(result.done)} of {len(plan.operations)} changes are done, and the last request may be; "
            f"{_RUN_AGAIN}."
        )
        raise


def _report(admin: Invocation, plan: "Plan", result: "ApplyResult") -> None:
    from ambassador_admin.declarative.plan_output import item, line
    from ambassador_admin.declarative.server_check import refusal_line

    errors = {id(operation): error.message for operation, error in result.failed}
    done = {*map(id, result.done)}
    results = [
        "done" if id(each) in done else "failed" if id(each) in errors else "left" for each in plan.operations
    ]
    if admin.output.format in (Format.TABLE, Format.WIDE) and admin.output.fields is None:
        lines = [
            line(each) for each, result in zip(plan.operations, results, strict=True) if result == "done"
        ]
        if lines:
            admin.output.write("\n".join(lines))
    else:
        rows = zip(plan.operations, results, strict=True)
        admin.output.rows(CHANGE, [item(each, result, errors.get(id(each))) for each, result in rows])
    for warning in result.warnings:
        admin.output.warn(warning)
    for operation, error in result.failed:
        admin.output.say(f"failed: {refusal_line(operation, error)}")
    for note in plan.notes:
        admin.output.say(f"note: {note}")
    admin.output.say(
        f"{results.count('done')} done, {results.count('failed')} failed, {results.count('left')} left."
    )


def _fail_unless_complete(plan: "Plan", result: "ApplyResult") -> None:
    if len(result.done) == len(plan.operations):
        return
    cause = result.aborted_by or (result.failed[0][1] if result.failed else None)
    if not result.done and cause is not None:
        raise cause
    missing = len(plan.operations) - len(result.done)
    raise AdminError(
        f"{missing} of {len(plan.operations)} changes were not made"
        + (f": {cause.message}" if cause is not None else "."),
        hint=f"remove the cause, then {_RUN_AGAIN}",
        code=ProblemCode.INCOMPLETE,
        exit_code=ExitCode.PARTIAL,
    )


def _show(admin: Invocation, plan: "Plan") -> None:
    from ambassador_admin.declarative.plan_output import item, line, summary

    if admin.output.format in (Format.TABLE, Format.WIDE) and admin.output.fields is None:
        if plan.operations:
            admin.output.write("\n".join(map(line, plan.operations)))
    else:
        admin.output.rows(CHANGE, [item(each) for each in plan.operations])
    for note in plan.notes:
        admin.output.say(f"note: {note}")
    admin.output.say(summary(plan.operations, plan.unchanged))
