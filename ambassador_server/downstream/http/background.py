"""Runs work beside the requests of a transport: notifications to a downstream, and the rest of answers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

_MAX_TASKS: Final = 64


class BackgroundTasks:
    """A bounded number of tasks that end with the transport."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> asyncio.Task[None] | None:
        """Run a task in the background; returns None and runs nothing when too many run already."""
        if len(self._tasks) >= _MAX_TASKS:
            return None
        task = asyncio.get_running_loop().create_task(work(*args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Cancel every task."""
        for task in self._tasks:
            task.cancel()
