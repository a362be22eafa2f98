"""`export`, `diff` and `apply`: the server as files say it should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ambassador_admin.cli.command import verb
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import AdminError, ConflictError, ExitCode, UsageError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column
from ambassador_protocol.problems import ProblemCode

if TYPE_CHECKING:
    from ambassador_admin.declarative.apply import Account
    from ambassador_admin.declarative.key_destinations import Handover
    from ambassador_admin.declarative.objects import Desired, Found
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

_AGAIN = "the same command again completes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What to hold the server to."""

    file: Annotated[
        list[Path],
        typer.Option(
            "--file", "-f", metavar="FILE", help="A YAML file, or a directory of them; may be repeated."
        ),
    ]
    prune: Annotated[
        bool, typer.Option("--prune", help="Also end what these files own and do not name any more.")
    ] = False
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Claim what is named and belongs to nobody; never another file's."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysTo:
    """Where keys go that are issued."""

    keys_to: Annotated[
        Path | None,
        typer.Option("--keys-to", metavar="DIR", help="Write new keys there, one file each, 0600."),
    ] = None
    keys_command: Annotated[
        str | None,
        typer.Option(
            "--keys-command",
            metavar="CMD",
            help="Give each new key to this command on its standard input; MCP_AMBASSADOR_KEY_USER and "
            "MCP_AMBASSADOR_KEY_NAME say whose it is. There is no shell.",
        ),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the commands that stand for themselves."""
    verb(app, "export")(export)
    verb(app, "diff")(diff)
    verb(app, "apply", destroys=True)(apply)


def export(
    admin: AdminContext,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="LABEL", help="Only what this label owns; '' is nobody's."),
    ] = None,
) -> None:
    """Print what is on the server as YAML that `apply` takes, one document per owner.

    Example: ambassador-admin export --owner ci/people
    """
    from ambassador_admin.declarative.export import documents, export_text, masked

    state = [each for each in _state(admin) if owner is None or each.owner == (owner or None)]
    for name in masked(state):
        admin.output.warn(
            f"MCP {name}: its options hold secrets, which are masked; put references in their place."
        )
    found = documents(state) or [{"owner": owner or None}]
    if admin.output.format is Format.JSON:
        admin.output.document(found)
    else:
        admin.output.write(export_text(found))


def diff(admin: AdminContext, declared: Declared) -> None:
    """Say what `apply` would change; exit 10 when that is anything.

    Example: ambassador-admin diff -f people.yaml --prune
    """
    plan = _plan(admin, declared)
    _show(admin, plan)
    if plan.operations:
        raise typer.Exit(ExitCode.DRIFT)


def apply(admin: AdminContext, declared: Declared, keys: KeysTo) -> None:
    """Make the server what files say, in an order in which no moment is wider than both ends.

    Nothing that another file or a person owns is touched. What a broken-off run has done stays done; the same command
    again completes it. With --prune it asks before it ends anything.

    Example: ambassador-admin apply -f people.yaml --prune --yes
    """
    plan = _plan(admin, declared)
    handover = _handover(admin, plan, keys)
    if admin.options.dry_run:
        _show(admin, plan)
        admin.output.say("Dry run: nothing was sent.")
        return
    removals = sum(operation.action == "remove" for operation in plan.operations)
    if declared.prune and removals:
        if not admin.options.yes:
            _show(admin, plan)
        admin.confirm(f"Apply {len(plan.operations)} changes, {removals} of which remove something?")
    _carry_out(admin, plan, handover)


def _plan(admin: AdminContext, declared: Declared) -> "Plan":
    from ambassador_admin.declarative.plan import make_plan

    desired = _desired(admin, declared)
    state = _state(admin)
    plan = make_plan(
        desired, state, now=admin.world.now(), prune=declared.prune, take_over=declared.take_over
    )
    if plan.conflicts:
        for line in plan.conflicts[:20]:
            admin.output.say(line)
        raise ConflictError(
            f"{len(plan.conflicts)} conflicts; nothing was sent.", hint="docs/ci-provisioning.md"
        )
    return plan


def _desired(admin: AdminContext, declared: Declared) -> "Desired":
    from ambassador_admin.declarative.document import FaultsError, read_desired

    try:
        desired = read_desired(declared.file)
    except FaultsError as error:
        for line in error.lines:
            admin.output.say(line)
        raise
    for warning in desired.warnings:
        admin.output.warn(warning)
    if declared.prune and desired.owners == {None}:
        raise UsageError("--prune needs a file with an owner: what nobody owns is never pruned.")
    return desired


def _state(admin: AdminContext) -> "list[Found]":
    from ambassador_admin.declarative.progress import progress
    from ambassador_admin.declarative.server_state import read_state

    with progress(admin.world.stderr, "Reading") as advance:
        return read_state(admin.api, admin.world.now(), lambda: advance(1))


def _handover(admin: AdminContext, plan: "Plan", keys: KeysTo) -> "Handover | None":
    from ambassador_admin.declarative.key_destinations import KeyCommand, KeyFiles

    wanted = [each.key for each in plan.operations if each.kind == "key" and each.action == "create"]
    if keys.keys_to is not None and keys.keys_command is not None:
        raise UsageError("Keys go to a directory or to a command, not to both.")
    handover: Handover | None = None
    if keys.keys_to is not None:
        handover = KeyFiles(keys.keys_to)
    elif keys.keys_command is not None:
        handover = KeyCommand(keys.keys_command, admin.world.environ)
    if wanted and not admin.options.dry_run:
        if handover is None:
            raise UsageError(
                f"{len(wanted)} keys would be issued, and a key is said only once.",
                hint="--keys-to DIR, or --keys-command CMD",
            )
        handover.prepare(wanted)
    return handover


def _carry_out(admin: AdminContext, plan: "Plan", handover: "Handover | None") -> None:
    from ambassador_admin.declarative.apply import Application
    from ambassador_admin.declarative.progress import progress

    with progress(admin.world.stderr, "Applying", len(plan.operations)) as advance:
        application = Application(admin.api, handover, advance)
        with _said_when_interrupted(admin, plan, application.account):
            application.run(plan.operations)
    account = application.account
    _report(admin, plan, account)
    _conclude(plan, account)


@contextmanager
def _said_when_interrupted(admin: AdminContext, plan: "Plan", account: "Account") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        admin.output.say(
            f"Interrupted: {len(account.done)} of {len(plan.operations)} changes are done, the last request may be; "
            f"{_AGAIN}."
        )
        raise


def _report(admin: AdminContext, plan: "Plan", account: "Account") -> None:
    from ambassador_admin.declarative.plan_output import item, line

    errors = {id(operation): error.message for operation, error in account.failed}
    done = {*map(id, account.done)}
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
    for operation, error in account.failed:
        admin.output.say(f"failed: {line(operation)}: {error.message}")
    for note in plan.notes:
        admin.output.say(f"note: {note}")
    admin.output.say(
        f"{results.count('done')} done, {results.count('failed')} failed, {results.count('left')} left."
    )


def _conclude(plan: "Plan", account: "Account") -> None:
    if len(account.done) == len(plan.operations):
        return
    cause = account.broke_off or (account.failed[0][1] if account.failed else None)
    if not account.done and cause is not None:
        raise cause
    missing = len(plan.operations) - len(account.done)
    raise AdminError(
        f"{missing} of {len(plan.operations)} changes were not made"
        + (f": {cause.message}" if cause is not None else "."),
        hint=f"mend the cause; {_AGAIN}",
        code=ProblemCode.INCOMPLETE,
        exit_code=ExitCode.PARTIAL,
    )


def _show(admin: AdminContext, plan: "Plan") -> None:
    from ambassador_admin.declarative.plan_output import counted, item, line

    if admin.output.format in (Format.TABLE, Format.WIDE) and admin.output.fields is None:
        if plan.operations:
            admin.output.write("\n".join(map(line, plan.operations)))
    else:
        admin.output.rows(CHANGE, [item(each) for each in plan.operations])
    for note in plan.notes:
        admin.output.say(f"note: {note}")
    admin.output.say(counted(plan.operations, plan.unchanged))
