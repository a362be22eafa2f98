"""Keeps the lists of a session up to date while it is used."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from ambassador_server.downstream.features.session_lists import Lists
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.downstream.transport import RejectedError
from ambassador_server.errors import AmbassadorError

_log = logging.getLogger(__name__)


class RefreshLimits(Protocol):
    """Times in seconds: between two looks, for one of them, and before the next after a change was announced."""

    @property
    def refresh(self) -> float:
        """Return after how long the lists are read again without an announcement."""
        ...

    @property
    def list_tools(self) -> float:
        """Return how long the answer may take."""
        ...

    @property
    def relist_gap(self) -> float:
        """Return the shortest pause."""
        ...


async def keep_lists(
    session: DownstreamSession,
    name: str,
    limits: RefreshLimits,
    *,
    is_used: Callable[[], bool],
    publish: Callable[[Lists], None],
) -> None:
    """Publish the lists whenever they may have changed, until the session is not used any more.

    Raises RejectedError if the downstream refuses the session: a new handshake is due, with fresh secrets.
    """
    while is_used():
        try:
            async with asyncio.timeout(limits.refresh):
                await session.changed.wait()
        except TimeoutError:
            session.suspect_all_lists()
        session.changed.clear()
        if is_used():
            lists = await _list_again(session, name, limits.list_tools)
            if lists is not None and is_used():
                publish(lists)
            # A downstream that announces a change after every list is not listed without pause.
            await asyncio.wait({session.ended}, timeout=limits.relist_gap)


async def _list_again(session: DownstreamSession, name: str, seconds: float) -> Lists | None:
    """Return the lists that changed; None after a warning. Raises RejectedError for a refusal."""
    try:
        return await session.read_changed_lists(seconds)
    except TimeoutError:
        # It may be busy with a long call.
        _log.warning("%s: does not list again what it offers", name)
    except RejectedError:
        raise
    except AmbassadorError as error:
        _log.warning("%s: does not list again what it offers: %s", name, error.message)
    return None
