"""Changes results without stopping the event loop for large ones."""

from collections.abc import Callable
from typing import Final

from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.ports.exchange import Reply

_MANY_OBJECTS: Final = 100
"""A result with no more objects has no more links, each of which is looked up."""


async def mapped_result(reply: Reply, change: Callable[[bytes], bytes]) -> Reply:
    """Return the reply with its result changed; an error stays as it is."""
    result = reply.result
    if result is None:
        return reply
    is_small = len(result) <= LARGE and result.count(b"{") <= _MANY_OBJECTS
    mapped = change(result) if is_small else await off_loop(change, result)
    return reply if mapped is result else Reply(result=mapped, error=None)
