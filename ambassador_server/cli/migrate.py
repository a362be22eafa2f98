"""The command `ambassador-server migrate`, which migrates the database to the schema of this version."""

import asyncio

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, configuration, make_data_dir


def migrate(data_dir: DataDir = None, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Apply the missing schema migrations; it can safely run repeatedly and concurrently.

    Example: ambassador-server migrate --data-dir ./data
    """
    from ambassador_server.storage.migrate import upgrade

    settings = configuration(config, data_dir=data_dir, database_url=database_url)
    make_data_dir(settings)
    applied = asyncio.run(upgrade(settings.store_url))
    for revision in applied:
        typer.echo(f"applied {revision}")
    if not applied:
        typer.echo("nothing to do", err=True)
