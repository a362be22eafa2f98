"""The commands `ambassador-server vault`, which work on the master keys of this machine and the database."""

from typing import Annotated

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, Json, configuration

app = typer.Typer(
    help="The master keys under which the credentials of users are encrypted.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(name="status")
def status(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List the master keys and how many stored values need each; exit code 1 if one is lost.

    Example: ambassador-server vault status --data-dir ./data
    """
    from ambassador_server.cli.vault_keys import run_status

    run_status(configuration(config, data_dir=data_dir, database_url=database_url), as_json=as_json)


@app.command(name="new-key")
def new_key(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Create the next master key; servers with this data directory encrypt with it at once, and need the old ones.

    Example: ambassador-server vault new-key --data-dir ./data
    """
    from ambassador_server.cli.vault_keys import run_new_key

    run_new_key(configuration(config, data_dir=data_dir, database_url=database_url), as_json=as_json)


@app.command(name="rotate")
def rotate(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    batch: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=10_000, help="The values of one transaction, for which servers wait."
        ),
    ] = 200,
    as_json: Json = False,
) -> None:
    """Encrypt all stored values with the newest master key, beside running servers; run it again to go on.

    Example: ambassador-server vault rotate --data-dir ./data
    """
    from ambassador_server.cli.vault_keys import run_rotation

    settings = configuration(config, data_dir=data_dir, database_url=database_url)
    run_rotation(settings, batch=batch, as_json=as_json)
