"""Runs a command at a pseudo-terminal: reads its output and types input."""

import asyncio
import fcntl
import os
import pty
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from tests.patience import PATIENCE


class Terminal:
    """A pseudo-terminal with a command; `seen` is all output so far."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.seen = ""
        self._process = process
        self._master = master
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def until(self, words: str) -> None:
        """Wait until the text is shown."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: words in self.seen or self._reading.done())
        assert words in self.seen, self.seen

    async def type(self, text: str) -> None:
        """Type the text; control characters work as at a terminal, and surrogates stand for bytes that are no text."""
        os.write(self._master, text.encode(errors="surrogateescape"))

    def modes(self) -> list[object]:
        """Return how the terminal is set: lines, echo, signals and so on."""
        return termios.tcgetattr(self._master)

    async def end(self) -> int:
        """Wait for the end of the command and return its exit code."""
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()
            await self._reading
        assert "Traceback" not in self.seen
        assert self._process.returncode is not None
        return self._process.returncode

    async def close(self) -> None:
        """Kill the command if it is running and close the terminal."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        await asyncio.wait([self._reading])
        os.close(self._master)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        # The loop may report the same output twice; a read that waits would stop the server of the test as well.
        os.set_blocking(self._master, False)
        loop.add_reader(self._master, readable.set)
        try:
            # Reading a terminal fails after the last writer has closed it.
            with suppress(OSError):
                while True:
                    await readable.wait()
                    readable.clear()
                    try:
                        chunk = os.read(self._master, 65536)
                    except BlockingIOError:
                        continue
                    async with self._changed:
                        self.seen += chunk.decode(errors="replace")
                        self._changed.notify_all()
        finally:
            loop.remove_reader(self._master)


@asynccontextmanager
async def at_terminal(
    *arguments: str, env: Mapping[str, str], stdin: int | None = None, columns: int = 100
) -> AsyncIterator[Terminal]:
    """Run a command of the client with a terminal for its three streams, or another standard input."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        *arguments,
        env={**env, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "30"},
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        # The terminal sends Ctrl-C to the process it controls.
        preexec_fn=_control,
    )
    os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        await terminal.close()


def _control() -> None:
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)
