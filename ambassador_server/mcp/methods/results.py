"""Changes results without stopping the event loop for large ones."""

from collections.abc import Callable

from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.ports.exchange import Reply


async def mapped_result(reply: Reply, change: Callable[[bytes], bytes]) -> Reply:
    """Return the reply with its result changed; an error stays as it is."""
    result = reply.result
    if result is None:
        return reply
    mapped = change(result) if len(result) <= LARGE else await off_loop(change, result)
    return reply if mapped is result else Reply(result=mapped, error=None)
