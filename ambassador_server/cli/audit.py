"""The commands `ambassador-server audit`, which work on the log and the index of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, Json, configuration

app = typer.Typer(
    help="The audit log of this machine.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(name="reindex")
def reindex(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted run, instead of emptying the index first."),
    ] = False,
) -> None:
    """Rebuild the index of the audit log from the log; a running server then fills the index itself.

    Example: ambassador-server audit reindex --data-dir ./data
    """
    from ambassador_server.cli.audit_reindex import run_reindex

    run_reindex(configuration(config, data_dir=data_dir, database_url=database_url), resume=resume)


@app.command(name="quarantine")
def quarantine(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is broken, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Quarantine a broken segment that a start refuses, and continue the log after it; the server must be stopped.

    Example: ambassador-server audit quarantine --data-dir ./data --dry-run
    """
    from ambassador_server.cli.audit_quarantine import run_quarantine

    run_quarantine(configuration(config, data_dir=data_dir), dry_run=dry_run, yes=yes, as_json=as_json)


@app.command(name="anchor")
def anchor(data_dir: DataDir = None, config: ConfigFile = None, as_json: Json = False) -> None:
    """Verify the audit log and print the signed end of each writer's log, for an auditor to store elsewhere.

    Example: ambassador-server audit anchor --data-dir ./data
    """
    from ambassador_server.cli.audit_verification import run_anchor

    run_anchor(configuration(config, data_dir=data_dir), as_json=as_json)


@app.command(name="verify")
def verify(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor",
            metavar="FILE",
            help="Anchors that `audit anchor` printed earlier, all of which the log must have; - reads the input.",
        ),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option("--offline", metavar="DIR", help="Verify a copy of the audit directory instead."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify the audit log with the keys of this server, while it runs or not; exit code 1 if it is broken.

    Example: ambassador-server audit verify --data-dir ./data --anchor anchors.txt
    """
    from ambassador_server.cli.audit_verification import run_verification

    settings = configuration(config, data_dir=data_dir)
    run_verification(settings, anchor=anchor, offline=offline, as_json=as_json)


@app.command(name="accept-loss")
def accept_loss(
    writer: Annotated[str, typer.Argument(help="The audit writer whose log has lost its end.")],
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Record that the loss of audit records is accepted, so that the server is ready again; nothing is restored.

    Example: ambassador-server audit accept-loss main --data-dir ./data
    """
    from ambassador_server.cli.audit_loss import run_acceptance

    run_acceptance(configuration(config, data_dir=data_dir, database_url=database_url), writer)


@app.command(name="rotate-key")
def rotate_key(data_dir: DataDir = None, config: ConfigFile = None, as_json: Json = False) -> None:
    """Create the next signing key of the audit log; a server signs with it from its next start.

    Example: ambassador-server audit rotate-key --data-dir ./data
    """
    from ambassador_server.cli.audit_keys import run_rotation

    run_rotation(configuration(config, data_dir=data_dir), as_json=as_json)
