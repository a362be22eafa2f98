"""Writes audit records as JSON lines to the server's standard output, which container platforms collect."""

import asyncio
import os
import select
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import SinkUnavailableError
from ambassador_server.ports.audit_sink import AuditSink

_STDOUT = 1
_NEWLINE = ord("\n")


class Options(SinkOptions):
    """Options of the sink `stdout`."""

    type: Annotated[Literal["stdout"], Field(description="`stdout`.")]


class Stdout:
    """Implements `ports.audit_sink.AuditSink` on a file descriptor.

    A ready pipe takes PIPE_BUF bytes without blocking, so the sink waits until it is ready before each such piece.
    Non-blocking mode is no alternative, because it would apply to every program that has the pipe open.
    """

    def __init__(self, options: Options, descriptor: int = _STDOUT) -> None:
        self._encode = options.encode
        self._descriptor = descriptor
        # A killed server may have left the beginning of a line.
        self._unfinished = True

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Write each record on its own line."""
        text = b"".join(self._encode(record) + b"\n" for record in records)
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
        """Leave the descriptor open, because the process owns it."""

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_writer(self._descriptor, _set_done, ready)
        except PermissionError:
            # A plain file is always ready.
            await asyncio.sleep(0)
            return
        try:
            await ready
        finally:
            loop.remove_writer(self._descriptor)


def _set_done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def build(options: Options) -> AuditSink:
    """Return the sink."""
    return Stdout(options)
