"""The command `ambassador-server serve`; it imports `server_process.py`, which does the work, only when it runs."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, configuration

_LameDuck = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Time between SIGTERM and the closing of the ports, in which /ready is 503.",
        show_default="0",
    ),
]
_LegacySse = Annotated[
    bool | None,
    typer.Option("--legacy-sse", help="Serve hosts that know only the HTTP+SSE of 2024-11-05, too, at /sse."),
]
_ReadyFile = Annotated[
    Path | None,
    typer.Option(help="File to which the server writes its two ports as JSON when it is ready."),
]


def serve(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    host: Annotated[
        str | None, typer.Option(help="Address of the client API.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the client API.", show_default="8443")] = None,
    admin_host: Annotated[
        str | None, typer.Option(help="Address of the admin API.", show_default="127.0.0.1")
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of the admin API.", show_default="9443")
    ] = None,
    tls: Annotated[str | None, typer.Option(help="on, or off for loopback only.", show_default="on")] = None,
    lame_duck: _LameDuck = None,
    legacy_sse: _LegacySse = None,
    ready_file: _ReadyFile = None,
) -> None:
    """Serve the client API and the admin API until SIGTERM or Ctrl-C; running calls get time to finish.

    Example: ambassador-server serve --data-dir ./data --host 0.0.0.0
    """
    gc.disable()  # nearly all that the start creates stays: searching it for garbage takes a third of the start
    try:
        from ambassador_server.cli.server_process import run_server

        settings = configuration(
            config,
            data_dir=data_dir,
            database_url=database_url,
            host=host,
            port=port,
            admin_host=admin_host,
            admin_port=admin_port,
            tls=tls,
            lame_duck_seconds=lame_duck,
            legacy_sse=legacy_sse,
        )
        run_server(settings, ready_file)
    finally:
        gc.enable()
