"""What a killed process has left without an outcome: found in the log, and closed once."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ambassador_protocol.audit.attempts import OpenAttempts
from ambassador_protocol.audit.lines import GENESIS, event_line
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import (
    DEFINITION_PENDING,
    SYSTEM,
    AuditAction,
    AuditEvent,
    Outcome,
    Resource,
)
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.services.audit.unfinished import UnfinishedAttempts
from tests.fakes.clock import START, ManualClock
from tests.server.audit_log.samples import EVENT, SIGNER, WRITER, numbered, read_all, segments, verify

HOUR = timedelta(hours=1)
CONFUSING = '"request_id":"r-1","resource":{"id":null},"prev":"\n{"event":{"action":"system:server:start"'


def outcome(attempt: AuditEvent, action: AuditAction = AuditAction.CALL_OUTCOME) -> AuditEvent:
    ended = Outcome.DENIED if action.endswith(":deny") else Outcome.SUCCEEDED
    return replace(attempt, action=action, outcome=ended, details={"milliseconds": 1.0})


def attempt_of(kind: CapabilityKind, number: int = 1, at: datetime = START) -> AuditEvent:
    resource = Resource(kind=kind, id="m-1", name="weather.forecast")
    return replace(numbered(number), action=CALL_ACTIONS[CallStep.ATTEMPT][kind], resource=resource, at=at)


def end_of(attempt: AuditEvent, step: CallStep = CallStep.OUTCOME) -> AuditEvent:
    """Return the end of a call of any kind."""
    return outcome(attempt, CALL_ACTIONS[step][attempt.resource.kind])


def server(action: AuditAction) -> AuditEvent:
    resource = Resource(kind="server", id=None, name=None)
    return AuditEvent(at=START, action=action, outcome=Outcome.SUCCEEDED, actor=SYSTEM, resource=resource)


def later(event: AuditEvent, passed: timedelta) -> AuditEvent:
    return replace(event, at=event.at + passed)


TEST = replace(EVENT, action=AuditAction.MCP_TEST, request_id="r-1")
START_EVENT, STOP_EVENT = server(AuditAction.SERVER_START), server(AuditAction.SERVER_STOP)


async def opened(directory: Path, *, segment_max_bytes: int = 10**7, clock: ManualClock | None = None):
    options = AuditLogOptions(segment_max_bytes=segment_max_bytes)
    return await JsonlAuditLog.open(
        directory, WRITER, signer=SIGNER, clock=clock or ManualClock(), options=options
    )


async def left(directory: Path, events: list[AuditEvent], **how) -> list[str | None]:
    log = await opened(directory, **how)
    for event in events:
        await log.append(event)
    found = await log.unfinished(HOUR)
    await log.close()
    return [record.event.request_id for record in found]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([START_EVENT, numbered(1), numbered(2), outcome(numbered(1))], ["r-2"]),
        ([numbered(1), outcome(numbered(1), AuditAction.CALL_DENY)], []),
        ([replace(numbered(1), reason=DEFINITION_PENDING)], ["r-1"]),
        ([replace(numbered(1), reason=DEFINITION_PENDING), outcome(numbered(1))], []),
        ([outcome(numbered(1), AuditAction.CALL_DENY), numbered(1)], ["r-1"]),
        ([replace(numbered(1), action=AuditAction.CALL_QUESTION)], []),
        ([TEST, numbered(1), outcome(TEST, AuditAction.MCP_TEST)], ["r-1"]),
        ([TEST], ["r-1"]),
        ([numbered(1), START_EVENT, numbered(2)], ["r-2"]),
        ([numbered(1), STOP_EVENT], []),
        ([numbered(1), later(numbered(2), HOUR * 2)], ["r-1", "r-2"]),
        ([attempt_of(kind, n) for n, kind in enumerate(CapabilityKind)], ["r-0", "r-1", "r-2"]),
        *(
            ([attempt_of(kind), numbered(2), end_of(attempt_of(kind), step)], ["r-2"])
            for kind in CapabilityKind
            for step in (CallStep.OUTCOME, CallStep.DENY)
        ),
        # One request may be about several resources, and the calls of several kinds have nothing in common.
        (
            [attempt_of(kind) for kind in CapabilityKind] + [end_of(attempt_of(CapabilityKind.PROMPT))],
            ["r-1"] * 2,
        ),
    ],
)
async def test_attempts_without_an_outcome_since_the_last_start_or_stop_are_found(
    tmp_path: Path, events: list[AuditEvent], expected: list[str]
):
    assert await left(tmp_path, events) == expected


async def test_earlier_segments_are_read_back_to_the_start(tmp_path: Path):
    events = [numbered(0), START_EVENT, *map(numbered, range(1, 30))]
    assert await left(tmp_path, events, segment_max_bytes=2000) == [f"r-{n}" for n in range(1, 30)]
    assert len(segments(tmp_path)) > 3


@pytest.mark.parametrize("kind", CapabilityKind)
async def test_segments_from_before_the_longest_call_are_not_read(tmp_path: Path, kind: CapabilityKind):
    """Denials and outcomes are no attempts: the next start writes outcomes long after the calls."""
    clock = ManualClock()
    log = await opened(tmp_path, segment_max_bytes=2000, clock=clock)
    for number in range(12):
        await log.append(attempt_of(kind, number, clock.now()))
        clock.advance(1200)
    clock.advance(86400)
    await log.append(end_of(attempt_of(kind, 77, clock.now()), CallStep.DENY))
    found = [record.event.request_id for record in await log.unfinished(HOUR)]
    await log.close()
    assert found[-1] == "r-11"
    assert 4 <= len(found) < 12


@pytest.mark.parametrize("kind", CapabilityKind)
async def test_outcomes_are_recorded_once_even_if_the_start_is_killed_meanwhile(
    tmp_path: Path, kind: CapabilityKind
):
    log = await opened(tmp_path)
    for number in range(5):
        await log.append(attempt_of(kind, number))
    assert len(await log.unfinished(HOUR)) == 5
    await log.append(
        UnfinishedAttempts(log=log, clock=ManualClock(), longest=HOUR)._outcome((await read_all(log))[2])
    )

    assert await UnfinishedAttempts(log=log, clock=ManualClock(), longest=HOUR).close() == 4
    assert await UnfinishedAttempts(log=log, clock=ManualClock(), longest=HOUR).close() == 0
    records = await read_all(log)
    await log.close()
    closed = [each.event for each in records if each.event.action is CALL_ACTIONS[CallStep.OUTCOME][kind]]
    assert sorted(event.request_id or "" for event in closed) == [f"r-{number}" for number in range(5)]
    seqs = {
        each.event.request_id: each.seq
        for each in records
        if each.event.action is CALL_ACTIONS[CallStep.ATTEMPT][kind]
    }
    assert all(event.details == {"attempt_seq": seqs[event.request_id]} for event in closed)
    assert {(event.outcome, event.reason, event.actor) for event in closed} == {
        (Outcome.FAILED, "server_killed", EVENT.actor)
    }
    assert verify(tmp_path).writers[0].without_outcome == 0


async def test_verification_counts_attempts_without_an_outcome(tmp_path: Path):
    assert await left(tmp_path, [*map(numbered, range(4)), outcome(numbered(3))]) == ["r-0", "r-1", "r-2"]
    assert verify(tmp_path).writers[0].without_outcome == 3
    [segment] = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b'"r-2"', b'"r-7"'))
    assert verify(tmp_path).writers[0].without_outcome is None


texts = st.text(max_size=20) | st.just(CONFUSING)


@given(kind=st.sampled_from(CapabilityKind), name=texts, argument=texts, key=texts, source=texts)
def test_outcome_is_found_whatever_stands_in_the_texts(
    kind: CapabilityKind, name: str, argument: str, key: str, source: str
):
    attempt = replace(
        attempt_of(kind, 0),
        resource=Resource(kind=kind, id="m-1", name=name),
        source=source,
        details={"arguments": {key: argument, "request_id": argument}},
    )
    attempts: OpenAttempts[int] = OpenAttempts()
    attempts.take(event_line(encode_event(attempt), GENESIS), 1)
    assert attempts.places() == [1]
    attempts.take(event_line(encode_event(end_of(replace(attempt, request_id="r-2"))), GENESIS), 2)
    assert attempts.places() == [1]
    attempts.take(event_line(encode_event(end_of(attempt)), GENESIS), 3)
    assert attempts.places() == []
