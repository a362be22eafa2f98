"""The options that server commands share, and the configuration that is loaded with them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambassador_protocol.variables import misspelling, misspelt_variables
from ambassador_server.errors import ConfigurationError

if TYPE_CHECKING:
    from ambassador_server.config import ServerConfig

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of keys, database and audit log.", show_default=False),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url", help="Database to use instead of SQLite in the data directory.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def configuration(config_file: Path | None, **flags: Any) -> "ServerConfig":
    """Load the configuration from flags, environment and file."""
    from ambassador_server.config import load_config_from_process

    for name, near in misspelt_variables(os.environ).items():
        typer.echo(f"warning: {misspelling(name, near)}", err=True)
    return load_config_from_process(flags, config_file)


def make_data_dir(settings: "ServerConfig") -> None:
    """Create the data directory if it is missing, readable only by its owner. Raises ConfigurationError."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{settings.data_dir} cannot be used as data directory: {error.strerror}.",
            hint="Choose another one with --data-dir.",
        ) from error
