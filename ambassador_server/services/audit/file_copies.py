"""Gives auditors the files of the audit log, so that they can verify a copy without the server."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import Advice, InvalidInputError, NotFoundError, OverloadedError
from ambassador_server.ports.audit_files import AuditFile, AuditFiles
from ambassador_server.services.audit.recorder import Recorder

MAX_READERS: Final = 4
"""How many files are read at the same time at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCopy:
    """The part of a file that was asked for: its length in bytes, and its content in pieces."""

    length: int
    pieces: AsyncGenerator[bytes]


class AuditFileCopies:
    """Lists the files of the log and reads them; each reading is recorded before its first byte is given out."""

    def __init__(self, files: AuditFiles, recorder: Recorder) -> None:
        self._files = files
        self._recorder = recorder
        self._places = asyncio.Semaphore(MAX_READERS)

    async def list(self) -> Sequence[AuditFile]:
        """Return every file that a verification reads."""
        return await self._files.list()

    @asynccontextmanager
    async def open(
        self, requester: Requester, *, writer: str, name: str, offset: int, end: int | None
    ) -> AsyncGenerator[FileCopy]:
        """Give a file from an offset up to `end`, by default up to its last whole line.

        Raises NotFoundError, InvalidInputError for a part that the file does not have, OverloadedError if too many
        files are read at the moment, AuditUnavailableError if this cannot be recorded.
        """
        if self._places.locked():
            raise OverloadedError(
                f"{MAX_READERS} files of the audit log are being read already.",
                advice=Advice.TRY_AGAIN_IN_A_MINUTE,
            )
        async with self._places:
            file = _part(await self._find(writer, name), offset, end)
            await self._record(requester, file, offset)
            yield FileCopy(length=file.size - offset, pieces=self._files.read(file, offset))

    async def _find(self, writer: str, name: str) -> AuditFile:
        for file in await self._files.list():
            if (file.writer, file.name) == (writer, name):
                return file
        raise NotFoundError(f"The audit log has no file {writer[:100]}/{name[:100]}.")

    async def _record(self, requester: Requester, file: AuditFile, offset: int) -> None:
        await self._recorder.event(
            AuditAction.AUDIT_FETCH,
            Outcome.PERMITTED,
            actor=requester.actor,
            resource=Resource(kind="audit", id=None, name=file.writer),
            origin=requester.origin,
            details={"file": file.name, "offset": offset, "bytes": file.size - offset},
        )


def _part(file: AuditFile, offset: int, end: int | None) -> AuditFile:
    until = file.size if end is None else end
    if not offset <= until <= file.size:
        raise InvalidInputError(
            f"{file.writer}/{file.name} has {file.size} bytes, so it has no part from {offset} to {until}."
        )
    return AuditFile(writer=file.writer, name=file.name, size=until, is_closed=file.is_closed)
