"""One process that copies the log: its start, its messages and its end."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

import ambassador_server
from ambassador_server.bootstrap.index_process.messages import REPORTS, Report, Start, encode
from ambassador_server.errors import ConfigurationError

_SOURCE = str(Path(ambassador_server.__file__).parents[1])
_RUN = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from ambassador_server.bootstrap.index_process.program import main; main()"
)
# The environment of the server may hold secrets that MCPs refer to, and other processes of its user could read a copy.
_PASSED_ON = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"})
_PASSED_ON_PREFIXES = ("LC_", "PYTHON", "SSL_CERT_")
_DATABASE_PREFIX = "PG"
_LARGEST_BACKLOG = 256 * 1024
_END_SECONDS = 2.0


class IndexProcess:
    """A running process; `receive` gets each of its reports."""

    def __init__(self, process: asyncio.subprocess.Process, receive: Callable[[Report], None]) -> None:
        self._process = process
        self._receive = receive

    @classmethod
    async def start(
        cls, url: str, audit_directory: Path, writers: tuple[str, ...], receive: Callable[[Report], None]
    ) -> "IndexProcess":
        """Start it; raises ConfigurationError if this machine cannot."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _RUN, _SOURCE, str(os.getpid())),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise ConfigurationError(f"{sys.executable} cannot be started: {error.strerror}.") from None
        started = cls(process, receive)
        options = {name: value for name, value in os.environ.items() if name.startswith(_DATABASE_PREFIX)}
        started.send(
            Start(url=url, audit_directory=str(audit_directory), writers=writers, environment=options)
        )
        return started

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def send(self, message: msgspec.Struct) -> None:
        """Send a message without waiting; it is dropped when the process does not read."""
        pipe = self._process.stdin
        if (
            pipe is not None
            and not pipe.is_closing()
            and pipe.transport.get_write_buffer_size() < _LARGEST_BACKLOG
        ):
            pipe.write(encode(message))

    async def run(self) -> int:
        """Pass on reports until the process ends, and return its exit status."""
        output = self._process.stdout
        assert output is not None  # noqa: S101 # it was started with a pipe
        # A line that is no report, or is too long, ends the process: our program does not write it.
        with suppress(msgspec.MsgspecError, ValueError, OSError):
            while line := await output.readline():
                self._receive(REPORTS.decode(line))
        self.kill()
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once; what it has not committed is undone by the database."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Close its input, which ends it, and wait; kill it if it takes too long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
