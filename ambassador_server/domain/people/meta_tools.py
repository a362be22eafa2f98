"""Whether hosts get three tools that search, describe and call instead of the tools themselves."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class MetaTools(StrEnum):
    """The choice for a user, or for a key; a key that inherits has that of its user."""

    OFF = "off"
    ON = "on"
    INHERIT = "inherit"


CHOICES_OF_USERS: Final[Collection[MetaTools]] = (MetaTools.OFF, MetaTools.ON)
