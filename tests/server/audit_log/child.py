"""A child process that writes an audit log, so that a test can kill it or limit its file size."""

import asyncio
import itertools
import resource
import signal
import sys
from pathlib import Path

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, numbered, segments
from tests.server.worlds import PRINCIPAL

WORKERS = 8


async def append_endlessly(directory: Path, round_name: str, policy: str) -> None:
    """Print each number once its record is written, until the parent kills this process."""
    options = AuditLogOptions(fsync=Fsync(policy), segment_max_bytes=20_000, checkpoint_records=10)
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock(), options=options)

    async def work(worker: int) -> None:
        number = worker
        while True:
            await log.append(numbered(int(round_name) * 10**6 + number))
            print(number, flush=True)
            number += WORKERS

    await asyncio.gather(*(work(worker) for worker in range(WORKERS)))


async def call_endlessly(directory: Path, round_name: str) -> None:
    """Record calls of every kind, print each number once its attempt is written, and leave one of each kind open."""
    options = AuditLogOptions(segment_max_bytes=20_000, checkpoint_records=10)
    clock = ManualClock()
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=clock, options=options)
    recorder = Recorder(log=log, clock=clock)
    for number, kind in enumerate(itertools.cycle(CapabilityKind)):
        origin = Origin(f"r-{int(round_name) * 10**6 + number}", None)
        call = (PRINCIPAL, origin, Resource(kind=kind, id="m-1", name="git.log"))
        await recorder.attempt(*call, "g-1", arguments=None, size=0)
        print(number, flush=True)
        if number >= len(CapabilityKind):
            await recorder.answered(*call, seconds=0.001, result=b"{}", failed=False)


async def run_into_a_limit(directory: Path) -> None:
    """Append up to the limit of the file size, then lift the limit and append again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock())
    await log.append(numbered(0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for number in (1, 3):
        [segment] = segments(directory)
        resource.setrlimit(resource.RLIMIT_FSIZE, (segment.stat().st_size + 100, hard))
        for refused in (log.append(numbered(number)), log.append(numbered(number))):
            try:
                await refused
            except AuditUnavailableError as error:
                print("refused:", error.message)
        print("partial bytes:", segment.stat().st_size == resource.getrlimit(resource.RLIMIT_FSIZE)[0])
        print("while limited:", log.probe() is not None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print("when lifted:", log.probe())
        await log.append(numbered(number + 1))
    await log.close()


if __name__ == "__main__":
    if sys.argv[1] == "append":
        asyncio.run(append_endlessly(Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
    elif sys.argv[1] == "call":
        asyncio.run(call_endlessly(Path(sys.argv[2]), sys.argv[3]))
    else:
        asyncio.run(run_into_a_limit(Path(sys.argv[2])))
