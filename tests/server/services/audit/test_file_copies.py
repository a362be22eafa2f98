"""Files of the log are given out once that is recorded, a bounded number at a time, up to the last whole line."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ambassador_server.audit_log.archive_files import PIECE, ArchiveFiles
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.errors import AuditUnavailableError, NotFoundError, OverloadedError
from ambassador_server.ports.audit_files import AuditFile
from ambassador_server.services.audit.file_copies import MAX_READERS, AuditFileCopies, FileCopy
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, append_all, segments

NOBODY = Requester(None, None)


@pytest.fixture
async def audit(tmp_path: Path) -> Path:
    """A log of more bytes than one piece."""
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    await append_all(log, range(1000))
    await log.close()
    [segment] = segments(tmp_path)
    assert segment.stat().st_size > PIECE
    return tmp_path


def copies_of(audit: Path, log: FakeAuditLog) -> AuditFileCopies:
    return AuditFileCopies(ArchiveFiles(audit), Recorder(log=log, clock=ManualClock()))


async def content(copy: FileCopy) -> bytes:
    pieces = [piece async for piece in copy.pieces]
    assert max(map(len, pieces)) <= PIECE
    return b"".join(pieces)


async def test_file_is_given_in_pieces_after_the_event(audit: Path) -> None:
    log = FakeAuditLog()
    [file] = await copies_of(audit, log).list()
    async with copies_of(audit, log).open(
        NOBODY, writer=WRITER, name=file.name, offset=7, end=file.size
    ) as copy:
        [event] = log.events
        assert event.action is AuditAction.AUDIT_FETCH
        assert event.details == {"file": file.name, "offset": 7, "bytes": copy.length}
        assert await content(copy) == segments(audit)[0].read_bytes()[7:]


async def test_line_that_is_being_written_is_not_given(audit: Path) -> None:
    [segment] = segments(audit)
    whole = segment.read_bytes()
    for torn in (b"x", b"x" * (PIECE + 1)):
        segment.write_bytes(whole + torn)
        [file] = await copies_of(audit, FakeAuditLog()).list()
        assert (file.size, file.is_closed) == (len(whole), False)
    segment.write_bytes(b"x" * 10)
    [file] = await copies_of(audit, FakeAuditLog()).list()
    assert file.size == 0


async def test_unrecorded_reading_is_refused(audit: Path) -> None:
    log = FakeAuditLog()
    log.break_down()
    [file] = await copies_of(audit, log).list()
    with pytest.raises(AuditUnavailableError):
        async with copies_of(audit, log).open(NOBODY, writer=WRITER, name=file.name, offset=0, end=None):
            pytest.fail("the file was given")


async def test_number_of_readers_is_bounded(audit: Path) -> None:
    copies = copies_of(audit, FakeAuditLog())
    [file] = await copies.list()
    wanted = {"writer": WRITER, "name": file.name, "offset": 0, "end": None}
    async with AsyncExitStack() as readers:
        for _ in range(MAX_READERS):
            await readers.enter_async_context(copies.open(NOBODY, **wanted))
        with pytest.raises(OverloadedError):
            await readers.enter_async_context(copies.open(NOBODY, **wanted))
    async with copies.open(NOBODY, **wanted) as copy:
        assert copy.length == file.size


async def test_file_that_was_pruned_or_cut_off_meanwhile_is_an_error(audit: Path) -> None:
    [segment] = segments(audit)
    files = ArchiveFiles(audit)
    longer = AuditFile(writer=WRITER, name=segment.name, size=segment.stat().st_size + 1, is_closed=True)
    with pytest.raises(AuditUnavailableError, match="cut off"):
        [piece async for piece in files.read(longer, 0)]
    segment.unlink()
    with pytest.raises(NotFoundError):
        [piece async for piece in files.read(longer, 0)]


async def test_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailableError):
        await ArchiveFiles(tmp_path / "nowhere").list()
