"""The command `ambassador-server init`; it imports `server_setup.py`, which does the work, only when it runs."""

from typing import Annotated

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, Json, configuration


def init(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    hostname: Annotated[
        list[str] | None, typer.Option("--hostname", help="Another host name of the server.")
    ] = None,
    admin_key_name: Annotated[
        str, typer.Option("--admin-key-name", help="Name of the admin key to issue.")
    ] = "first-admin",
    new_admin_key: Annotated[
        bool, typer.Option("--new-admin-key", help="Issue another admin key for a server that has one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prepare a data directory and print the first admin key, which is not shown again.

    Example: ambassador-server init --data-dir ./data --json
    """
    from ambassador_server.cli.server_setup import initialise

    settings = configuration(
        config, data_dir=data_dir, database_url=database_url, hostnames=tuple(hostname) if hostname else None
    )
    initialise(settings, admin_key_name, another=new_admin_key, as_json=as_json)
