"""Lists and reads the files of the audit logs, so that an auditor can copy them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Final

from ambassador_protocol.audit.files import (
    quarantined_name,
    quarantined_numbers,
    segment_name,
    segment_numbers,
)
from ambassador_server.errors import AuditUnavailableError, NotFoundError
from ambassador_server.ports.audit_files import AuditFile

PIECE: Final = 256 * 1024
"""How many bytes of a file are in memory for one reader."""


class ArchiveFiles:
    """Implements `ports.audit_files.AuditFiles`."""

    def __init__(self, audit_directory: Path) -> None:
        self._directory = audit_directory

    async def list(self) -> Sequence[AuditFile]:
        """Return the segments and the quarantined segments of every writer."""
        try:
            return await asyncio.to_thread(lambda: [*_files_in(self._directory)])
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {error.strerror}.") from error

    async def read(self, file: AuditFile, offset: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of a file from an offset on, up to its size."""
        path = self._directory / file.writer / file.name
        try:
            fd = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                while offset < file.size:
                    piece = await asyncio.to_thread(os.pread, fd, min(PIECE, file.size - offset), offset)
                    if not piece:
                        raise AuditUnavailableError(f"{file.writer}/{file.name} was cut off.")
                    yield piece
                    offset += len(piece)
            finally:
                os.close(fd)
        except FileNotFoundError:
            raise NotFoundError(f"{file.writer}/{file.name} was pruned or moved.") from None
        except OSError as error:
            raise AuditUnavailableError(
                f"{file.writer}/{file.name} cannot be read: {error.strerror}."
            ) from error


def _files_in(directory: Path) -> Iterator[AuditFile]:
    for path in sorted(directory.iterdir()):
        if not path.is_dir() or path.is_symlink():
            continue
        numbers = segment_numbers(path)
        for number in quarantined_numbers(path):
            yield _file(path, quarantined_name(number), is_closed=True)
        for number in numbers:
            yield _file(path, segment_name(number), is_closed=number != numbers[-1])


def _file(directory: Path, name: str, *, is_closed: bool) -> AuditFile:
    path = directory / name
    size = path.lstat().st_size
    return AuditFile(
        writer=directory.name,
        name=name,
        size=size if is_closed else _end_of_last_line(path, size),
        is_closed=is_closed,
    )


def _end_of_last_line(path: Path, size: int) -> int:
    """Return where the last whole line ends: what comes after it is being written, and may be cut off again."""
    with path.open("rb") as file:
        end = size
        while end > 0:
            start = max(0, end - PIECE)
            newline = os.pread(file.fileno(), end - start, start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
