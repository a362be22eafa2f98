"""One segment file that is open for appending."""

import errno
import os
from contextlib import suppress
from typing import Self

from ambassador_protocol.audit.files import segment_name
from ambassador_server.audit_log.writer_directory import WriterDirectory

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Segment:
    """A segment that takes whole lines; `size` is the number of bytes up to the end of the last whole one.

    `torn` tells that a line was written in part after it.
    """

    def __init__(self, directory: WriterDirectory, number: int, fd: int, size: int) -> None:
        self.number = number
        self.size = size
        self.distrusted = False
        self._path = directory.path / segment_name(number)
        self._fd = fd
        self.torn = False

    @classmethod
    def create(cls, directory: WriterDirectory, number: int, first_line: bytes) -> Self:
        """Create the file with its header line; raises OSError and leaves no file when that fails."""
        name = segment_name(number)
        fd = os.open(name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory.fd)
        segment = cls(directory, number, fd, 0)
        try:
            segment.write(first_line + b"\n")
        except OSError:
            os.unlink(name, dir_fd=directory.fd)
            os.close(fd)
            raise
        return segment

    @classmethod
    def open(cls, directory: WriterDirectory, number: int, size: int) -> Self:
        """Open a segment whose last whole line ends at `size`."""
        return cls(directory, number, os.open(segment_name(number), _FLAGS, dir_fd=directory.fd), size)

    def write(self, data: bytes) -> None:
        """Hand all bytes to the operating system; after an OSError the file may end with part of a line."""
        self._check_untouched()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            self.torn = True
            raise
        self.size += len(data)

    def repair(self) -> bool:
        """Cut off a line that was written in part; returns False when the file cannot be continued."""
        if self.distrusted:
            # The disk has failed, so the cut is tried only: verification accepts an incomplete last line here.
            with suppress(OSError):
                if self.torn:
                    self.cut()
            return False
        if self.torn:
            self.cut()
        try:
            self.check()
        except OSError:
            return False
        return True

    def cut(self) -> None:
        """Cut off everything after the last whole line."""
        os.ftruncate(self._fd, self.size)
        self.torn = False

    def check(self) -> None:
        """Raise OSError unless the path still names this file and only this process has changed it."""
        self._check_untouched()
        self.check_in_place()

    def check_in_place(self) -> None:
        """Raise OSError unless the path still names this file; may be called from any thread."""
        if not os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
            raise OSError(errno.ESTALE, "the file was replaced", str(self._path))

    def sync(self) -> None:
        """Force the written lines to the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _check_untouched(self) -> None:
        status = os.fstat(self._fd)
        if status.st_nlink == 0:
            raise OSError(errno.ENOENT, "the file was deleted", str(self._path))
        if status.st_size != self.size and not self.torn:
            raise OSError(errno.ESTALE, "another program changed the file", str(self._path))
