"""Runs one child process in its own process group and stops the whole group."""

import asyncio
import fcntl
import os
import shutil
import signal
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from ambassador_server.errors import DownstreamUnavailableError

_SECONDS_TO_FINISH = 0.25
_POLL_SECONDS = 0.02
_KILLED_SECONDS = 1.0
_LARGEST_BACKLOG = 1024 * 1024
_PIPES = 3
_LARGEST_PIPE = 1024 * 1024

ByteHandler = Callable[[bytes], None]


class ChildProcess(asyncio.SubprocessProtocol):
    """A child that leads its own process group; its output goes to callbacks, so no reader task is needed.

    `ended` holds the exit status (negative: the signal), or None when the child closed its pipes without exiting.
    """

    def __init__(self, output: ByteHandler, errors: ByteHandler, grace: float) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int | None] = loop.create_future()
        self._output = output
        self._errors = errors
        self._grace = grace
        self._exited: asyncio.Future[int | None] = loop.create_future()
        self._open_pipes = set(range(_PIPES))
        self._bytes_after_exit = 0
        self._wants_output = True
        self._writable = asyncio.Event()
        self._writable.set()
        self._finish_timer: asyncio.TimerHandle | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._transport: asyncio.SubprocessTransport
        self._input: asyncio.WriteTransport
        self._group = 0

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        output: ByteHandler,
        errors: ByteHandler,
        grace: float,
    ) -> "ChildProcess":
        """Start the program; raises DownstreamUnavailableError that says why it cannot start.

        `grace` is how many seconds the child has to exit, once after its input is closed and once after SIGTERM.
        """
        child = cls(output, errors, grace)
        try:
            # When this is cancelled, the event loop itself kills the process it has started.
            await asyncio.get_running_loop().subprocess_exec(
                lambda: child, *argv, env=dict(env), cwd=cwd, start_new_session=True
            )
        except FileNotFoundError:
            raise DownstreamUnavailableError(f"command '{argv[0]}' not found") from None
        except PermissionError:
            raise DownstreamUnavailableError(f"command '{argv[0]}' may not be executed") from None
        except (OSError, ValueError) as error:
            raise DownstreamUnavailableError(f"command '{argv[0]}' cannot be started: {error}") from None
        return child

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the pipes and the process group; called by the event loop."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._input = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        self._group = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass on output of the child; called by the event loop."""
        if fd == 1 and self._exited.done():
            self._bytes_after_exit += len(data)
        (self._output if fd == 1 else self._errors)(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that one pipe is closed; called by the event loop."""
        self._open_pipes.discard(fd)
        self._writable.set()
        self._finish_if_ended()

    def process_exited(self) -> None:
        """Note the exit, which may come before or after the last output; called by the event loop."""
        if not self._exited.done():
            self._exited.set_result(self._transport.get_returncode())
        self._finish_if_ended()
        _ = self._begin_stop()

    def pause_writing(self) -> None:
        """Make senders wait, because the child reads too slowly; called by the event loop."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders go on; called by the event loop."""
        self._writable.set()

    def hold_output(self, holds: bool) -> None:
        """Read nothing more of what the child writes to its output, or read on."""
        output = cast(asyncio.ReadTransport | None, self._transport.get_pipe_transport(1))
        if output is None or output.is_closing():
            return
        if holds:
            output.pause_reading()
        else:
            output.resume_reading()

    async def write(self, data: bytes) -> None:
        """Send bytes as soon as the child reads them; they are dropped when its input is closed."""
        while not self._writable.is_set():
            await self._writable.wait()
        if self._takes_input():
            self._input.write(data)

    def write_soon(self, data: bytes) -> None:
        """Send bytes without waiting; they are dropped when the input is closed or its buffer is full."""
        if self._takes_input() and self._input.get_write_buffer_size() < _LARGEST_BACKLOG:
            self._input.write(data)

    def _takes_input(self) -> bool:
        # The event loop tells of a closed pipe later than it refuses to write into it.
        return 0 in self._open_pipes and not self._input.is_closing()

    async def stop(self) -> None:
        """Close the input, then send SIGTERM, then SIGKILL, to the whole group; SIGKILL at once when cancelled.

        Output that was not read yet is dropped.
        """
        self._wants_output = False
        task = self._begin_stop()
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._signal_group(signal.SIGKILL)
            raise

    def _begin_stop(self) -> asyncio.Task[None]:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._end())
        return self._stopping

    async def _end(self) -> None:
        try:
            if not self._exited.done():
                self._input.close()
                await self._exits_within(self._grace)
            # A child that exited by itself may have left other processes in its group.
            self._signal_group(signal.SIGTERM)
            await self._group_gone_within(self._grace)
            self._signal_group(signal.SIGKILL)
            await self._exits_within(_KILLED_SECONDS)
            await self._group_gone_within(_KILLED_SECONDS)
            while self._has_unread_output():  # noqa: ASYNC110 - nothing tells that a pipe is empty
                await asyncio.sleep(_POLL_SECONDS)
        except BaseException:
            self._signal_group(signal.SIGKILL)
            raise
        finally:
            if 0 in self._open_pipes:
                self._input.abort()
            self._transport.close()
            self._finish()

    async def _exits_within(self, seconds: float) -> None:
        await asyncio.wait({self._exited}, timeout=seconds)

    async def _group_gone_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._group_lives():  # noqa: ASYNC110 - the exit of a process that is not our child is not reported
                    await asyncio.sleep(_POLL_SECONDS)

    def _group_lives(self) -> bool:
        if self._exited.done():
            # Orphans become our children when we are process 1 of a container; the event loop reaps the leader.
            with suppress(ChildProcessError):
                while os.waitpid(-self._group, os.WNOHANG) != (0, 0):
                    pass
        return self._signal_group(0)

    def _signal_group(self, number: int) -> bool:
        if self._group <= 0:
            # Group 0 would be this server's own.
            return False
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _finish_if_ended(self) -> None:
        # Exit and end of output come in any order, and a grandchild can hold the pipes open forever,
        # so the wait for all of them is short.
        if self._exited.done() and not self._open_pipes & {1, 2}:
            self._finish()
        elif (self._exited.done() or not {0, 1} <= self._open_pipes) and self._finish_timer is None:
            self._finish_after(_SECONDS_TO_FINISH)

    def _finish_after(self, seconds: float) -> None:
        self._finish_timer = asyncio.get_running_loop().call_later(seconds, self._finish_when_read)

    def _finish_when_read(self) -> None:
        if self._has_unread_output():
            self._finish_after(_POLL_SECONDS)
        else:
            self._finish()

    def _has_unread_output(self) -> bool:
        """Tell whether the pipe may still hold output of the child, because reading is held or the loop was busy.

        A grandchild that goes on writing does not count: what the child wrote is first in the pipe.
        """
        output = self._transport.get_pipe_transport(1)
        if not self._wants_output or output is None or output.is_closing() or 1 not in self._open_pipes:
            return False
        if self._bytes_after_exit >= _LARGEST_PIPE:
            return False
        # asyncio and uvloop name it differently.
        pipe = output.get_extra_info("pipe") or output.get_extra_info("socket")
        waiting = fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder) > 0

    def _finish(self) -> None:
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        if not self.ended.done():
            self.ended.set_result(self._exited.result() if self._exited.done() else None)


def find_program(program: str, env: Mapping[str, str], cwd: str | None) -> str:
    """Return the path of a program; raises DownstreamUnavailableError that says why it cannot be started."""
    if os.name != "posix":
        raise DownstreamUnavailableError("programs as downstreams need a system with process groups")
    if cwd is not None and not Path(cwd).is_dir():
        raise DownstreamUnavailableError(f"working directory '{cwd}' does not exist")
    if "/" not in program:
        found = shutil.which(program, path=env.get("PATH", os.defpath))
        if found is None:
            raise DownstreamUnavailableError(f"command '{program}' not found")
        return found
    path = Path(cwd or "", program)
    if not path.exists():
        raise DownstreamUnavailableError(f"command '{program}' not found")
    if path.is_dir() or not os.access(path, os.X_OK):
        raise DownstreamUnavailableError(f"command '{program}' may not be executed")
    return program
