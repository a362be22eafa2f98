"""Decides who may make the server start the command of an MCP: the right `mcp:execute`, which a setting takes away."""

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.administrators import Right, missing_right
from ambassador_server.errors import MissingRightError
from ambassador_server.ports.downstream import Downstreams

_RIGHT = Right.MCP_EXECUTE


class Execution:
    """Checks the right to execute; an entry that starts no program needs none."""

    def __init__(self, *, downstreams: Downstreams, administrators_execute: bool) -> None:
        self._downstreams = downstreams
        self._administrators_execute = administrators_execute

    def check(self, requester: Requester, mcp: Mcp) -> None:
        """Raise MissingRightError if connecting to this entry starts a program and the requester may not do that."""
        by = requester.administrator
        if by is None or not self._downstreams.starts_program(mcp):
            return
        if not by.may(_RIGHT):
            raise missing_right(
                _RIGHT,
                f"You lack the right {_RIGHT.value!r}; the server would start the command of MCP {mcp.name!r}",
            )
        if not self._administrators_execute:
            raise MissingRightError(
                f"You lack the right {_RIGHT.value!r}: the server's setting stdio.administrators_execute takes it "
                "from every role",
                reason=f"missing_right:{_RIGHT}",
            )
