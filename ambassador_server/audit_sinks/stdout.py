"""JSON lines on the server's standard output, for whoever collects what containers print."""

import asyncio
import os
import select
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.audit_sinks.shared.record_json import document
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import SinkUnavailableError
from ambassador_server.ports.audit_sink import AuditSink

_STDOUT = 1
_NEWLINE = ord("\n")


class Options(SinkOptions):
    """What this sink can be told."""

    type: Annotated[Literal["stdout"], Field(description="`stdout`.")]


class Stdout:
    """Implements `ports.audit_sink.AuditSink` on a file descriptor.

    A pipe that is ready takes PIPE_BUF bytes without blocking, so it is asked before each such piece. Making it
    non-blocking instead would do so for every other program that has it open.
    """

    def __init__(self, options: Options, descriptor: int = _STDOUT) -> None:
        self._max_bytes = options.record_bytes
        self._descriptor = descriptor
        # A killed predecessor may have left the beginning of a line.
        self._unfinished = True

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Write the records, each on a line of its own."""
        text = b"".join(document(record, self._max_bytes) + b"\n" for record in records)
        rest = memoryview(b"\n" + text if self._unfinished else text)
        try:
            while rest:
                await self._until_ready()
                written = os.write(self._descriptor, rest[: select.PIPE_BUF])
                self._unfinished = rest[written - 1] != _NEWLINE
                rest = rest[written:]
        except OSError as error:
            raise SinkUnavailableError(f"standard output: {error.strerror}") from error

    async def close(self) -> None:
        """Leave the descriptor open: it is not ours."""

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_writer(self._descriptor, _settle, ready)
        except PermissionError:
            # A plain file is always ready.
            await asyncio.sleep(0)
            return
        try:
            await ready
        finally:
            loop.remove_writer(self._descriptor)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def build(options: Options) -> AuditSink:
    """Return the sink."""
    return Stdout(options)
