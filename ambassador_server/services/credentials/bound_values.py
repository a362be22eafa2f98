"""Binds a value that a user has given to where it may go.

An administrator who changes an MCP could collect otherwise what users have given for another address or place, also at
the moment of the change.
"""

from typing import Final

from ambassador_server.domain.catalog.credential_needs import CredentialField
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.catalog.value_destinations import destination
from ambassador_server.errors import VaultDamagedError

_SEPARATOR: Final = "\0"
"""No value has this character."""


def bound(mcp: Mcp, field: CredentialField, value: str) -> str:
    """Return what is sealed of a value."""
    return f"{destination(mcp, field)}{_SEPARATOR}{value}"


def unbound(mcp: Mcp, field: CredentialField, sealed: str) -> str | None:
    """Return the value, or None if it was given for another destination; raises VaultDamagedError."""
    given_for, separator, value = sealed.partition(_SEPARATOR)
    if not separator:
        raise VaultDamagedError("A stored value does not say where it may go.")
    return value if given_for == destination(mcp, field) else None
