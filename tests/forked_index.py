"""The process that copies the audit log of a preloaded server: forked before the server has threads, not started.

Its imports take longer than all else that such a server does when it starts. The one that replaces it after its end is
started as the product starts it, and so is the first one of a server that is not preloaded.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from ambassador_server.bootstrap.index_process import process, program

_KEPT = ("PATH", "HOME")


class Forked:
    """A forked process, with the part of `asyncio.subprocess.Process` that the server uses."""

    def __init__(self) -> None:
        """Fork it; it waits for its first message."""
        taken, self._input = os.pipe()
        self._output, given = os.pipe()
        server = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(taken, given, server)
        os.close(taken)
        os.close(given)

    async def connect(self) -> "Forked":
        """Open its pipes in the running loop."""
        loop = asyncio.get_running_loop()
        self.stdout = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self.stdout), os.fdopen(self._output, "rb", 0)
        )
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(self._input, "wb", 0)
        )
        self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        self._code: asyncio.Future[int] = loop.create_future()
        self._handle = os.pidfd_open(self.pid)
        loop.add_reader(self._handle, self._reap, loop)
        return self

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return await asyncio.shield(self._code)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self._code.done():
            raise ProcessLookupError
        os.kill(self.pid, signal.SIGKILL)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._handle)
        os.close(self._handle)
        self._code.set_result(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


def prepare() -> None:
    """Fork the process now; the first start of one by this server takes it."""
    forked = [Forked()]

    async def start(*words: str, **options: Any) -> Any:
        if forked:
            return await forked.pop().connect()
        return await asyncio.create_subprocess_exec(*words, **options)

    everything = {name: getattr(asyncio, name) for name in asyncio.__all__}
    # All of the module but one function.
    vars(process)["asyncio"] = SimpleNamespace(
        **{**everything, "create_subprocess_exec": start, "subprocess": asyncio.subprocess}
    )


def _become(taken: int, given: int, server: int) -> None:
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number, file in enumerate((taken, given, nowhere)):
            os.dup2(file, number)
        os.closerange(3, 2**16)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        os.environ.clear()
        os.environ.update(kept)
        sys.argv = ["-c", str(server)]
        with suppress(SystemExit):
            program.main()
    finally:
        os._exit(0)
