"""Constraints for the arguments of tools, as a port."""

from collections.abc import Mapping
from typing import Any, Protocol

from ambassador_server.domain.policy.argument_checks import ArgumentCheck


class ArgumentRules(Protocol):
    """Checks constraints when a grant is written, and compiles those of grants that have been written."""

    def canonical(self, constraints: Mapping[str, Any]) -> str | None:
        """Return constraints as they are stored, None if there are none; raises InvalidInputError."""
        ...

    def compiled(self, constraints: str) -> ArgumentCheck:
        """Return the check for stored constraints, the same one for the same text; it refuses what it cannot read."""
        ...
