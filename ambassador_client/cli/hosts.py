"""The commands `install`, `uninstall`, `undo` and `hosts`, which manage the entry in the files of AI applications."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_client.account.paths import state_directory
from ambassador_client.cli.output import Format, is_for_programs, show_rows
from ambassador_client.errors import ClientError, NotFoundError, UsageError
from ambassador_client.hosts.installing.host import Host, Launch, Machine
from ambassador_client.hosts.installing.installer import Change, ChangedSinceError, Installer, unified_diff
from ambassador_client.hosts.installing.journal import Journal
from ambassador_client.hosts.installing.launch import (
    LaunchOptions,
    installed_command,
    launch_for,
    missing_settings,
)
from ambassador_client.hosts.installing.registry import all_hosts, host_named
from ambassador_client.hosts.installing.status import HostStatus, is_installed, status_of

PARTIAL = 9
"""The exit code if some files were changed and others could not be."""

_Hosts = Annotated[list[str] | None, typer.Argument(metavar="[HOST]...", help="Names from `hosts`.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the differences without changing anything.")]
_Output = Annotated[Format | None, typer.Option("--output", "-o", help="Output format.")]
_Account = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the account to write into the entry.")
]
_Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="JSON file with settings to write into the entry.")
]
_Server = Annotated[
    str | None, typer.Option(metavar="URL", help="Address of the server to write into the entry.")
]
_CaFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="CA certificates to write into the entry.")
]


def register(app: typer.Typer, settings: dict[str, Any]) -> None:
    """Register the commands."""
    app.command("install", context_settings=settings)(install)
    app.command("uninstall", context_settings=settings)(uninstall)
    app.command("undo", context_settings=settings)(undo)
    command_group = typer.Typer(
        help="List the AI applications, and whether they are installed and start this client."
    )
    command_group.callback(invoke_without_command=True, context_settings=settings)(hosts)
    command_group.command("print", context_settings=settings)(print_entry)
    app.add_typer(command_group, name="hosts")


def install(
    hosts: _Hosts = None,
    everything: Annotated[bool, typer.Option("--all", help="All installed applications.")] = False,
    account: _Account = None,
    config: _Config = None,
    server: _Server = None,
    ca_file: _CaFile = None,
    dry_run: _DryRun = False,
    output: _Output = None,
) -> int:
    """Configure AI applications to start this client.

    The entry contains MCP_AMBASSADOR_URL, MCP_AMBASSADOR_CA_FILE and a key by reference; never the key itself.

    Example: ambassador-client install vscode claude_code
    """
    machine, installer = _machine_and_installer()
    present = [host for host in all_hosts() if is_installed(host, machine)]
    chosen = _choose(hosts, everything, present, "install", "Add MCP Ambassador to")
    options = LaunchOptions(account=account, config=config, server_url=server, ca_file=ca_file)
    command = installed_command(sys.argv[0])
    launches = {host.name: launch_for(host, options, machine.environ, command) for host in chosen}
    code = apply_to_each(
        chosen,
        lambda host: installer.plan_install(host, launches[host.name]),
        installer.make,
        dry_run,
        output,
    )
    for sentence in missing_settings(options, machine.environ):
        sys.stderr.write(f"note: {sentence}\n")
    return code


def uninstall(
    hosts: _Hosts = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All applications that start this client.")
    ] = False,
    dry_run: _DryRun = False,
    output: _Output = None,
) -> int:
    """Remove this client from the files of AI applications; the rest of the files stays.

    Example: ambassador-client uninstall --all
    """
    machine, installer = _machine_and_installer()
    journal, launch = _journal(machine), _launch(machine)
    present = [
        host
        for host in all_hosts()
        if status_of(host, machine, journal, launch(host)).configured not in ("no", "unknown")
    ]
    chosen = _choose(hosts, everything, present, "uninstall", "Remove MCP Ambassador from")
    return apply_to_each(chosen, installer.plan_uninstall, installer.make, dry_run, output)


def undo(hosts: _Hosts = None, dry_run: _DryRun = False, output: _Output = None) -> int:
    """Restore the files to their state before the last install or uninstall.

    Example: ambassador-client undo
    """
    _, installer = _machine_and_installer()
    chosen = [host_named(word) for word in hosts or ()] or list(installer.last_run(all_hosts()))
    if not chosen:
        raise NotFoundError("there is nothing to undo")

    def plan(host: Host) -> Change:
        change = installer.plan_undo(host)
        if change is None:
            raise NotFoundError(f"there is nothing to undo for {host.name}")
        return change

    return apply_to_each(chosen, plan, installer.undo, dry_run, output)


def hosts(ctx: typer.Context, output: _Output = None) -> None:
    """List the AI applications, and whether they are installed and start this client.

    Example: ambassador-client hosts -o json
    """
    if ctx.invoked_subcommand is not None:
        return
    found = host_statuses()
    if is_for_programs(output):
        show_rows([each.view() for each in found], output)
        return
    show_rows(
        [
            {
                "name": each.name,
                "installed": each.installed,
                "configured": f"{each.configured}: {each.detail}" if each.detail else each.configured,
                "file": each.file,
            }
            for each in found
        ],
        output,
    )


def host_statuses() -> list[HostStatus]:
    """Return the status of every application."""
    machine, _ = _machine_and_installer()
    journal, launch = _journal(machine), _launch(machine)
    return [status_of(host, machine, journal, launch(host)) for host in all_hosts()]


def print_entry(
    host: Annotated[str, typer.Argument(metavar="HOST", help="A name from `hosts`.")],
    account: _Account = None,
    config: _Config = None,
    server: _Server = None,
    ca_file: _CaFile = None,
) -> None:
    """Print the entry that `install` would write, to add it by hand.

    Example: ambassador-client hosts print cursor
    """
    machine = Machine.current()
    chosen = host_named(host)
    options = LaunchOptions(account=account, config=config, server_url=server, ca_file=ca_file)
    launch = launch_for(chosen, options, machine.environ, installed_command(sys.argv[0]))
    sys.stdout.write(chosen.editor.put("", chosen.entry_path, chosen.entry(launch)))


def _machine_and_installer() -> tuple[Machine, Installer]:
    machine = Machine.current()
    return machine, Installer(machine, _journal(machine))


def _journal(machine: Machine) -> Journal:
    return Journal(state_directory(machine.environ, machine.platform) / "hosts")


def _launch(machine: Machine) -> Callable[[Host], Launch]:
    command = installed_command(sys.argv[0])
    return lambda host: launch_for(host, LaunchOptions(), {}, command)


def _choose(
    words: Sequence[str] | None, everything: bool, present: Sequence[Host], verb: str, question: str
) -> Sequence[Host]:
    if words and everything:
        raise UsageError("name applications or give --all, not both", f"Run: ambassador-client {verb} --help")
    if words:
        return list(dict.fromkeys(map(host_named, words)))
    if not everything and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("no application is named", f"Run: ambassador-client {verb} --all")
    if not present:
        fact = "is installed" if verb == "install" else "starts this client"
        raise NotFoundError(f"no application {fact}", f"Name one, as in: ambassador-client {verb} vscode")
    if everything:
        return present
    machine = Machine.current()
    return [
        host
        for host in present
        if typer.confirm(f"{question} {host.title} ({host.file(machine)})?", default=True, err=True)
    ]


def apply_to_each(
    chosen: Sequence[Host],
    plan: Callable[[Host], Change],
    make: Callable[[Change], None],
    dry_run: bool,
    output: Format | None,
) -> int:
    """Change the file of each application, show the results and return the exit code."""
    rows, errors = [], []
    for host in chosen:
        try:
            change = plan(host)
            if dry_run:
                _show_difference(change, output)
            else:
                make(change)
            rows.append({"name": host.name, "result": change.result, "file": str(change.found.path)})
        except ClientError as error:
            errors.append(error)
            if isinstance(error, ChangedSinceError):
                _show_difference(error.back, output)
            sys.stderr.write(f"{host.name}: {error}\n")
            rows.append({"name": host.name, "result": "failed", "file": str(host.file(Machine.current()))})
        except KeyboardInterrupt:
            _say_what_was_done(chosen, [] if dry_run else rows, host)
            raise
    if is_for_programs(output) or not dry_run:
        show_rows(rows, output)
    if not errors:
        return 0
    return PARTIAL if len(errors) < len(rows) else errors[0].exit_code


def _say_what_was_done(chosen: Sequence[Host], rows: Sequence[dict[str, str]], current: Host) -> None:
    done = [row["name"] for row in rows if row["result"] not in ("failed", "unchanged", "absent")]
    left = [host.name for host in list(chosen)[list(chosen).index(current) + 1 :]]
    sys.stderr.write(
        f"Interrupted at {current.name}; changed before: {', '.join(done) or 'nothing'}; "
        f"not reached: {', '.join(left) or 'nothing'}.\n"
    )


def _show_difference(change: Change, output: Format | None) -> None:
    if not is_for_programs(output):
        sys.stdout.writelines(f"{line}\n" for line in unified_diff(change))
