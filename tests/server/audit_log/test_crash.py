"""Awaited records survive the death of the process, and the log recovers after a full disk."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from datetime import timedelta
from pathlib import Path

import pytest

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import AuditAction, AuditEvent, Outcome
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.services.audit.unfinished import UnfinishedAttempts
from tests.effort import SOAK
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE
from tests.server.audit_log.samples import (
    SIGNER,
    WRITER,
    append_all,
    numbered,
    read_all,
    requests,
    segments,
    verify,
)

ROOT = Path(__file__).parents[3]
ROUNDS = 4 * SOAK
"""How often a writer is killed."""


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.audit_log.child", *arguments, stdout=PIPE, cwd=ROOT
    )


async def run_until_killed(verb: str, directory: Path, round_number: int, *arguments: str) -> set[str]:
    """Return the request ids of all records the child had awaited."""
    child = await start(verb, str(directory), str(round_number), *arguments)
    assert child.stdout is not None
    printed = b"".join([await child.stdout.readline() for _ in range(150 + 37 * (round_number % 8))])
    child.kill()
    printed += await child.stdout.read()
    await child.wait()
    whole_lines = printed.decode().split("\n")[:-1]
    return {f"r-{round_number * 10**6 + int(line)}" for line in whole_lines}


@pytest.mark.soak
@pytest.mark.parametrize(("policy", "rounds"), [("interval", ROUNDS), ("always", ROUNDS // 2)])
async def test_killed_process_loses_no_awaited_record(tmp_path: Path, policy: str, rounds: int):
    awaited: set[str] = set()
    for number in range(rounds):
        async with asyncio.timeout(PATIENCE):
            awaited |= await run_until_killed("append", tmp_path, number, policy)
        log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
        recorded = requests(await read_all(log))
        await log.close()
        assert awaited <= set(recorded)
        assert len(recorded) == len(set(recorded))
        found = verify(tmp_path)
        assert (found.faults, found.records >= len(awaited)) == ((), True)
    assert len(segments(tmp_path)) > 1


@pytest.mark.soak
async def test_next_start_closes_the_calls_of_every_kind_that_a_killed_process_left_open(tmp_path: Path):
    awaited: set[str] = set()
    for number in range(ROUNDS // 2):
        async with asyncio.timeout(PATIENCE):
            awaited |= await run_until_killed("call", tmp_path, number)
        log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
        closing = UnfinishedAttempts(log=log, clock=ManualClock(), longest=timedelta(hours=1))
        assert await closing.close() in (3, 4), (
            "one of each kind, and the one that ran when the process was killed"
        )
        assert await closing.close() == 0
        events = [record.event for record in await read_all(log)]
        await log.close()
        assert verify(tmp_path).writers[0].without_outcome == 0
    for kind in CapabilityKind:
        attempts = requests_with(events, CALL_ACTIONS[CallStep.ATTEMPT][kind])
        assert requests_with(events, CALL_ACTIONS[CallStep.OUTCOME][kind]) == attempts
        awaited -= set(attempts)
        killed = [
            event for event in events if event.reason == "server_killed" and event.resource.kind == kind
        ]
        assert len(killed) >= ROUNDS // 2
        assert {event.outcome for event in killed} == {Outcome.FAILED}
    assert not awaited


def requests_with(events: list[AuditEvent], action: AuditAction) -> list[str]:
    return sorted(str(event.request_id) for event in events if event.action is action)


async def test_full_disk_refuses_records_and_the_chain_is_intact_afterwards(tmp_path: Path):
    child = await start("limit", str(tmp_path))
    async with asyncio.timeout(PATIENCE):
        printed, _ = await child.communicate()
    assert child.returncode == 0
    refusal = "refused: The audit log cannot take the record: File too large."
    once = [refusal, refusal, "partial bytes: True", "while limited: True", "when lifted: None"]
    assert printed.decode().splitlines() == once * 2

    assert verify(tmp_path).ok
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    records = await read_all(log)
    await log.close()
    assert requests(records) == ["r-0", "r-2", "r-4"]
    told = [record.event for record in records if record.event.action is AuditAction.LOG_RECOVERY]
    assert [event.details["refused"] for event in told] == [2, 2]
    assert {event.details["failure"] for event in told} == {"File too large"}


async def test_log_cut_at_any_byte_opens_with_every_whole_record(tmp_path: Path):
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    await append_all(log, range(3))
    await log.close()
    [segment] = segments(tmp_path)
    whole = segment.read_bytes()
    for cut in range(0, len(whole), 11):
        segment.write_bytes(whole[:cut])
        log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
        await log.append(numbered(9))
        kept = max(whole[:cut].count(b"\n") - 1, 0)
        assert requests(await read_all(log)) == [*(f"r-{number}" for number in range(kept)), "r-9"]
        await log.close()
        assert verify(tmp_path).ok, cut
