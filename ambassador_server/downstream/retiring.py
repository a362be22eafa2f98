"""Sessions that are not used for new calls any more, until those in flight have ended."""

import asyncio

from ambassador_server.downstream.session import DownstreamSession


class RetiringSessions:
    """Closes each session when its calls have ended, at the latest after `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._tasks: dict[DownstreamSession, asyncio.Task[None]] = {}

    def add(self, session: DownstreamSession) -> None:
        """Retire a session, without waiting."""
        task = asyncio.get_running_loop().create_task(session.retire(self._patience))
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._tasks.pop(session, None))

    async def close(self) -> None:
        """Close every session at once."""
        tasks = dict(self._tasks)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        # A task that is cancelled before its first step has closed nothing.
        await asyncio.gather(*(session.close() for session in tasks))
