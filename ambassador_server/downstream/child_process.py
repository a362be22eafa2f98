"""One child process and its group: start, bytes in and out, and an end that leaves nothing behind."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from ambassador_server.errors import DownstreamUnavailableError

_SETTLE_SECONDS = 0.25
_POLL_SECONDS = 0.02
_KILLED_SECONDS = 1.0
_LARGEST_BACKLOG = 1024 * 1024
_PIPES = 3

Bytes = Callable[[bytes], None]


class ChildProcess(asyncio.SubprocessProtocol):
    """A child that leads its own process group; output goes to callbacks, so no task can be left reading it.

    `ended` holds the exit status (negative: the signal) or None when it stopped talking without exiting.
    """

    def __init__(self, output: Bytes, errors: Bytes, grace: float) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int | None] = loop.create_future()
        self._output = output
        self._errors = errors
        self._grace = grace
        self._exited: asyncio.Future[int | None] = loop.create_future()
        self._open_pipes = set(range(_PIPES))
        self._writable = asyncio.Event()
        self._writable.set()
        self._settling: asyncio.TimerHandle | None = None
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
        output: Bytes,
        errors: Bytes,
        grace: float,
    ) -> "ChildProcess":
        """Start the program; raises DownstreamUnavailableError that names what is missing.

        `grace` is how many seconds it gets to leave, once when its input ends and once when it is asked.
        """
        if os.name != "posix":
            raise DownstreamUnavailableError("programs as downstreams need a system with process groups")
        program = _find(argv[0], env, cwd)
        child = cls(output, errors, grace)
        try:
            # Cancelled in here, the event loop itself kills what it has started.
            await asyncio.get_running_loop().subprocess_exec(
                lambda: child, program, *argv[1:], env=dict(env), cwd=cwd, start_new_session=True
            )
        except FileNotFoundError:
            raise DownstreamUnavailableError(f"command '{argv[0]}' not found") from None
        except PermissionError:
            raise DownstreamUnavailableError(f"command '{argv[0]}' may not be executed") from None
        except (OSError, ValueError) as error:
            raise DownstreamUnavailableError(f"command '{argv[0]}' cannot be started: {error}") from None
        return child

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the pipes and the group; called by the event loop."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._input = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        self._group = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Hand on what the child wrote; called by the event loop."""
        (self._output if fd == 1 else self._errors)(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that one pipe is closed; called by the event loop."""
        self._open_pipes.discard(fd)
        self._writable.set()
        self._settle()

    def process_exited(self) -> None:
        """Note the exit, which may come before or after the last output; called by the event loop."""
        if not self._exited.done():
            self._exited.set_result(self._transport.get_returncode())
        self._settle()
        _ = self._begin_stop()

    def pause_writing(self) -> None:
        """Stop senders: the child does not keep up; called by the event loop."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders go on; called by the event loop."""
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Send bytes as soon as the child keeps up; to a child that is gone they are dropped."""
        while not self._writable.is_set():
            await self._writable.wait()
        if 0 in self._open_pipes:
            self._input.write(data)

    def write_soon(self, data: bytes) -> None:
        """Send bytes without waiting; dropped when the child is gone or far behind."""
        if 0 in self._open_pipes and self._input.get_write_buffer_size() < _LARGEST_BACKLOG:
            self._input.write(data)

    async def stop(self) -> None:
        """Close its input, ask, then kill, and the same for what it started; cancelled midway it kills at once."""
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
            # Once more for the group alone: a child that left by itself may have left others behind.
            self._signal_group(signal.SIGTERM)
            await self._group_gone_within(self._grace)
            self._signal_group(signal.SIGKILL)
            await self._exits_within(_KILLED_SECONDS)
            await self._group_gone_within(_KILLED_SECONDS)
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
                while self._group_lives():  # noqa: ASYNC110 - members that are not our children tell nobody when they exit
                    await asyncio.sleep(_POLL_SECONDS)

    def _group_lives(self) -> bool:
        if self._exited.done():
            # Orphans fall to us when we are process 1 of a container; the leader itself belongs to the loop.
            with suppress(ChildProcessError):
                while os.waitpid(-self._group, os.WNOHANG) != (0, 0):
                    pass
        return self._signal_group(0)

    def _signal_group(self, number: int) -> bool:
        if self._group <= 0:
            # Group 0 would be our own.
            return False
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _settle(self) -> None:
        # Exit and end of output come in any order, and a grandchild can hold the pipes open for ever:
        # wait for all of them, but not for long.
        if self._exited.done() and not self._open_pipes & {1, 2}:
            self._finish()
        elif (self._exited.done() or not {0, 1} <= self._open_pipes) and self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._finish)

    def _finish(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        if not self.ended.done():
            self.ended.set_result(self._exited.result() if self._exited.done() else None)


def _find(program: str, env: Mapping[str, str], cwd: str | None) -> str:
    if cwd is not None and not Path(cwd).is_dir():
        raise DownstreamUnavailableError(f"working directory '{cwd}' does not exist")
    if "/" in program:
        return program
    found = shutil.which(program, path=env.get("PATH", os.defpath))
    if found is None:
        raise DownstreamUnavailableError(f"command '{program}' not found")
    return found
