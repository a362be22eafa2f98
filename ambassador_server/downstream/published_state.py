"""Keeps the state of one downstream, and tells the listener when it differs."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

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
T = TypeVar("T")


class PublishedState:
    """The state of one downstream, until it is closed; with `starts_over` the first lists are adopted alone."""

    def __init__(
        self, state: DownstreamState, listener: DownstreamListener, *, starts_over: bool = False
    ) -> None:
        self.value = state
        self._starts_over = starts_over
        self._listener = listener
        self._is_closed = False

    def close(self) -> None:
        """Keep the state as it is."""
        self._is_closed = True

    def ready(self, mcp: Mcp, lists: Lists, report: ToolListReport) -> None:
        """Publish what a connected downstream offers, and what is wrong with its lists."""
        state = with_lists(self.value, lists)
        self._publish(mcp, replace(state, status=DownstreamStatus.READY, error=None, report=report))

    def adopt(self, mcp: Mcp, listed: DownstreamState) -> None:
        """Publish what is known together with what the connection of a user has listed, which replaces the same."""
        known = replace(self.value, tools=(), resources=(), templates=(), prompts=())
        known, self._starts_over = known if self._starts_over else self.value, False
        state = replace(
            known,
            features=known.features.union(listed.features),
            tools=_joined(known.tools, listed.tools, lambda tool: tool.name),
            resources=_joined(known.resources, listed.resources, lambda resource: resource.uri),
            templates=_joined(known.templates, listed.templates, lambda template: template.uri_template),
            prompts=_joined(known.prompts, listed.prompts, lambda prompt: prompt.name),
        )
        self._publish(mcp, replace(state, status=DownstreamStatus.READY, error=None, report=listed.report))

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


def _joined(known: tuple[T, ...], listed: tuple[T, ...], key: Callable[[T], str]) -> tuple[T, ...]:
    """Return all items, those that were listed instead of those with the same keys; the same object if none differs."""
    joined = tuple({**{key(item): item for item in known}, **{key(item): item for item in listed}}.values())
    return known if joined == known else joined
