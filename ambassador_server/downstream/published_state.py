"""Keeps the state of one downstream, and tells the listener when it differs."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from ambassador_server.domain.catalog.mcps import (
    BreakerState,
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
    """The state of one downstream, until it is closed; with `starts_over` the first lists are adopted alone.

    What is known of a downstream that cannot be used is withdrawn after `grace` seconds, if that is set.
    """

    def __init__(
        self,
        state: DownstreamState,
        listener: DownstreamListener,
        grace: float | None = None,
        *,
        starts_over: bool = False,
    ) -> None:
        self.value = state
        self._grace = grace
        self._unusable_since: float | None = None
        self._withdrawal: asyncio.TimerHandle | None = None
        self._starts_over = starts_over
        self._listener = listener
        self._is_closed = False

    def close(self) -> None:
        """Keep the state as it is."""
        self._is_closed = True
        self._keep_lists()

    def ready(self, mcp: Mcp, lists: Lists, report: ToolListReport) -> None:
        """Publish what a connected downstream offers, and what is wrong with its lists."""
        state = with_lists(self.value, lists)
        self._keep_lists()
        ready = replace(state, status=DownstreamStatus.READY, error=None, report=report, withdrawn=False)
        self._publish(mcp, ready)

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
        """Publish that a downstream cannot be used; what was last known of it stays, at most for the time of grace."""
        self._publish(mcp, replace(self.value, status=DownstreamStatus.DEGRADED, error=error))
        if self._unusable_since is None:
            self._unusable_since = asyncio.get_running_loop().time()
            self._plan_withdrawal(mcp)

    def use_grace(self, mcp: Mcp, grace: float | None) -> None:
        """Withdraw what is known after so many seconds from now on; what this permits comes back."""
        if grace == self._grace:
            return
        self._grace = grace
        if self._unusable_since is not None and not self._is_closed:
            self._plan_withdrawal(mcp)
            if self._withdrawal is not None or grace is None:
                self._publish(mcp, replace(self.value, withdrawn=False))

    def breaker(self, mcp: Mcp, breaker: BreakerState) -> None:
        """Tell that the breaker has opened or closed."""
        if not self._is_closed:
            state = self.value
            self._listener(
                DownstreamChange(
                    mcp_id=mcp.mcp_id,
                    status=state.status,
                    error=state.error,
                    tools=state.tools,
                    tools_changed=False,
                    breaker=breaker,
                )
            )

    def _plan_withdrawal(self, mcp: Mcp) -> None:
        """Withdraw what is known when its grace is over."""
        self._cancel_withdrawal()
        if self._grace is None or self._unusable_since is None or self._is_closed:
            return
        loop, end = asyncio.get_running_loop(), self._unusable_since + self._grace
        if end <= loop.time():
            self._withdraw(mcp)
        else:
            self._withdrawal = loop.call_at(end, self._withdraw, mcp)

    def _withdraw(self, mcp: Mcp) -> None:
        self._publish(mcp, replace(self.value, withdrawn=True))

    def _keep_lists(self) -> None:
        self._unusable_since = None
        self._cancel_withdrawal()

    def _cancel_withdrawal(self) -> None:
        if self._withdrawal is not None:
            self._withdrawal.cancel()
            self._withdrawal = None

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
        # A list that is the same as before is the same object; one that is withdrawn or comes back is a change, too.
        is_other = after.withdrawn != before.withdrawn
        self._listener(
            DownstreamChange(
                mcp_id=mcp.mcp_id,
                status=status,
                error=error,
                tools=after.tools,
                tools_changed=is_other or after.tools is not before.tools,
                resources_changed=is_other
                or after.resources is not before.resources
                or after.templates is not before.templates,
                prompts_changed=is_other or after.prompts is not before.prompts,
            )
        )


def _joined(known: tuple[T, ...], listed: tuple[T, ...], key: Callable[[T], str]) -> tuple[T, ...]:
    """Return all items, those that were listed instead of those with the same keys; the same object if none differs."""
    joined = tuple({**{key(item): item for item in known}, **{key(item): item for item in listed}}.values())
    return known if joined == known else joined
