"""Keeps the state of one downstream, and tells the listener when it differs."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from ambassador_server.domain.catalog.mcps import (
    DownstreamFailure,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    ToolListReport,
)
from ambassador_server.downstream.features.session_lists import Lists, with_lists
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener

_log = logging.getLogger(__name__)


class PublishedState:
    """The state of one downstream, until it is closed."""

    def __init__(self, state: DownstreamState, listener: DownstreamListener) -> None:
        self.value = state
        self._listener = listener
        self._is_closed = False

    def close(self) -> None:
        """Keep the state as it is."""
        self._is_closed = True

    def ready(self, mcp: Mcp, lists: Lists, report: ToolListReport) -> None:
        """Publish what a connected downstream offers, and what is wrong with its lists."""
        state = with_lists(self.value, lists)
        self._publish(mcp, replace(state, status=DownstreamStatus.READY, error=None, report=report))

    def degraded(self, mcp: Mcp, error: str) -> None:
        """Publish that a downstream cannot be used; what was last known of it stays."""
        self._publish(mcp, replace(self.value, status=DownstreamStatus.DEGRADED, error=error))

    def _publish(self, mcp: Mcp, after: DownstreamState) -> None:
        before = self.value
        if self._is_closed or after == before:
            return
        status, error = after.status, after.error
        if error is not None:
            after = replace(after, last_failure=DownstreamFailure(error=error, at=datetime.now(UTC)))
        self.value = after
        _log.info(
            "%s: %s, %d tools%s", mcp.name, status.value, len(after.tools), f": {error}" if error else ""
        )
        # A list that is the same as before is the same object.
        self._listener(
            DownstreamChange(
                mcp_id=mcp.mcp_id,
                status=status,
                error=error,
                tools=after.tools,
                tools_changed=after.tools is not before.tools,
                resources_changed=after.resources is not before.resources
                or after.templates is not before.templates,
                prompts_changed=after.prompts is not before.prompts,
            )
        )
