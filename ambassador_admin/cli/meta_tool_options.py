"""The options that choose whether hosts get tools that search, describe and call instead of the tools themselves."""

from enum import StrEnum
from typing import Annotated

import typer


class MetaTools(StrEnum):
    """The choice for a user."""

    ON = "on"
    OFF = "off"


class KeyMetaTools(StrEnum):
    """The choice for a key."""

    ON = "on"
    OFF = "off"
    INHERIT = "inherit"


_HELP = (
    "Whether hosts get three tools that search, describe and call, instead of the list of all tools"
    " (docs/meta-tools.md)"
)

UserMetaToolsOption = Annotated[
    MetaTools | None, typer.Option("--meta-tools", help=f"{_HELP}; off by default.")
]
KeyMetaToolsOption = Annotated[
    KeyMetaTools | None,
    typer.Option("--meta-tools", help=f"{_HELP}; by default the key inherits what its user has."),
]
