"""Runs work beside the requests of a transport: messages to which no answer matters, and the rest of answers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

_MAX_TASKS: Final = 64
_LAST_SECONDS: Final = 1.0
"""How long the end of a transport waits for its last messages."""


class BackgroundTasks:
    """A bounded number of tasks that end with the transport."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._messages: set[asyncio.Task[None]] = set()

    def run(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> asyncio.Task[None] | None:
        """Run a task in the background; returns None and runs nothing when too many run already."""
        if len(self._tasks) >= _MAX_TASKS:
            return None
        task = asyncio.get_running_loop().create_task(work(*args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def send(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Send a message in the background; nothing is sent when too many tasks run already."""
        task = self.run(work, *args)
        if task is not None:
            self._messages.add(task)
            task.add_done_callback(self._messages.discard)

    async def close(self) -> None:
        """Cancel every task, messages only after a moment: calls that end with the transport are cancelled by them."""
        try:
            if self._messages:
                await asyncio.wait(self._messages, timeout=_LAST_SECONDS)
        finally:
            for task in tuple(self._tasks):
                task.cancel()
