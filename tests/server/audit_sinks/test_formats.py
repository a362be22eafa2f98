"""The exact bytes that audit sinks send, for any record."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ambassador_protocol.audit.foreign import FORMATS
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.audit_sinks import build_sink, read_options
from ambassador_server.audit_sinks.shared.record_json import encode_record
from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.errors import AuditUnavailableError, SinkUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from tests.patience import PATIENCE
from tests.server.audit_log.samples import EVENT
from tests.server.audit_sinks.receivers import Pipe, SyslogDatagrams, SyslogStream

RECORD = AuditRecord(writer="main", seq=2_147_483_650, digest="ab" * 32, event=EVENT)
TEXT = st.text(st.characters(codec="utf-8"), max_size=4000)


@given(TEXT, TEXT, TEXT, st.integers(2048, 6000))
def test_an_encoded_record_is_one_line_of_json_within_its_limit(
    name: str, reason: str, detail: str, limit: int
):
    event = replace(
        EVENT,
        actor=Actor(kind=ActorKind.USER, id=name, name=name, key_id=name, key_name=name),
        resource=Resource(kind="tool", id=name, name=name),
        reason=reason,
        session_id=reason,
        request_id=reason,
        source=reason,
        details={"arguments": {detail: detail}},
    )
    text = encode_record(replace(RECORD, event=event), limit)
    assert len(text) <= limit
    assert b"\n" not in text
    one = json.loads(text)
    assert (one["writer"], one["seq"], one["digest"]) == ("main", RECORD.seq, "ab" * 32)
    assert one["details"] == {"arguments": {detail: detail}} or set(one["details"]) == {"omitted_bytes"}


@pytest.fixture
async def syslog(tmp_path: Path) -> AsyncIterator[Callable[[SyslogStream], SyslogStream]]:
    receivers: list[SyslogStream] = []

    def keep(receiver: SyslogStream) -> SyslogStream:
        receivers.append(receiver)
        return receiver

    yield keep
    for receiver in receivers:
        await receiver.stop()


async def test_a_syslog_message_has_priority_time_origin_action_and_number(
    tmp_path: Path, syslog: Callable[[SyslogStream], SyslogStream]
):
    receiver = syslog(SyslogStream(tmp_path))
    await receiver.start()
    sink = receiver.sink(facility="local4", hostname="door-1", app_name="amb")
    denied = replace(RECORD, event=replace(EVENT, outcome=Outcome.DENIED, action=AuditAction.CALL_DENY))
    failed = replace(RECORD, event=replace(EVENT, outcome=Outcome.FAILED))
    await sink.deliver([RECORD, denied, failed])
    await sink.close()
    async with asyncio.timeout(PATIENCE):
        while len(receiver.heads) < 3:  # noqa: ASYNC110 - it arrives at the other end of a socket
            await asyncio.sleep(0.01)
    head = receiver.heads[0]
    assert [each["priority"] for each in receiver.heads] == [b"166", b"164", b"165"]
    assert head["at"] == b"2026-01-01T00:00:00.000000Z"
    assert (head["host"], head["app"], head["pid"]) == (b"door-1", b"amb", str(os.getpid()).encode())
    assert head["id"] == b"call:tool:attempt"
    assert head["sequence"] == b"3", "it starts over behind the highest number there may be"


async def test_a_record_that_grows_in_ascii_still_fits_into_a_datagram(
    tmp_path: Path, syslog: Callable[[SyslogStream], SyslogStream]
):
    receiver = syslog(SyslogDatagrams(tmp_path))
    await receiver.start()
    sink = receiver.sink(record_bytes=60_000)
    large = replace(RECORD, event=replace(EVENT, details={"text": "ü" * 29_000}))
    await sink.deliver([large, RECORD])
    await sink.close()
    async with asyncio.timeout(PATIENCE):
        while len(receiver.documents) < 2:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
    assert set(receiver.documents[0]["details"]) == {"omitted_bytes"}
    assert receiver.documents[1]["details"] == json.loads(json.dumps(EVENT.details))


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("-1", 0.0), ("soon", 0.0), ("9" * 30, 0.0), ("", 0.0)]
)
async def test_retry_after_of_a_receiver_is_respected(
    said: str, seconds: float, monkeypatch: pytest.MonkeyPatch
):
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": said}, body=b"x" * 100_000)

    app = web.Application()
    app.router.add_post("/", busy)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("HOOK_SECRET", "hunter22")
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    sink = build_sink(read_options({"type": "webhook", "url": url, "secret": "env://HOOK_SECRET"}, "sink"))
    for _ in range(2):
        with pytest.raises(SinkUnavailableError) as found:
            await sink.deliver([RECORD])
        assert found.value.message == "the receiver answers 503"
        assert found.value.retry_after == seconds
    await sink.close()
    await runner.cleanup()


async def test_positions_are_replaced_and_read_back(tmp_path: Path):
    (tmp_path / "main").mkdir()
    journal = FileSinkJournal(tmp_path, "main")
    assert await journal.load("siem") is None
    for seq in (1, 2):
        await journal.save("siem", {"main": LogPosition(seq=seq, segment=1, offset=10 * seq)})
    again = FileSinkJournal(tmp_path, "main")
    assert await again.load("siem") == {"main": LogPosition(seq=2, segment=1, offset=20)}
    assert [path.name for path in (tmp_path / "main" / "sinks").iterdir()] == ["siem.position.json"]
    (tmp_path / "main" / "sinks" / ".siem.position.json.new").write_bytes(
        b"what a crash left, and longer than that"
    )
    await journal.save("siem", {})
    assert await again.load("siem") == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"main": {"seq": "one"}}',
        b"[" * 99999,
        b'{"main": 1}',
        b'{"main":{"seq":1,"segment":-1,"offset":1}}',
    ],
)
async def test_unreadable_positions_are_an_error_and_not_the_beginning(tmp_path: Path, content: bytes):
    place = tmp_path / "main" / "sinks"
    place.mkdir(parents=True)
    (place / "siem.position.json").write_bytes(content)
    with pytest.raises(AuditUnavailableError, match="positions of a sink"):
        await FileSinkJournal(tmp_path, "main").load("siem")


async def test_a_missing_directory_is_an_audit_error(tmp_path: Path):
    journal = FileSinkJournal(tmp_path, "gone")
    with pytest.raises(AuditUnavailableError, match="cannot be used"):
        await journal.save("siem", {})
    with pytest.raises(AuditUnavailableError, match="cannot be used"):
        await journal.add_dead_letter("siem", RECORD, "refused")


@pytest.mark.parametrize("form", FORMATS)
async def test_a_sink_sends_the_format_of_another_gateway(tmp_path: Path, form: str):
    receiver = Pipe(tmp_path)
    await receiver.start()
    sink = receiver.sink(format=form)
    large = replace(RECORD, event=replace(EVENT, details={"arguments": {"text": "x" * 300_000}}))
    await sink.deliver([RECORD, large])
    async with asyncio.timeout(PATIENCE):
        while len(receiver.documents) < 2:  # noqa: ASYNC110 - it arrives at the other end of a pipe
            await asyncio.sleep(0.01)
    await receiver.stop()
    first, second = receiver.documents
    member, inner = ("parameters", None) if form == "secure_gateway" else ("request", "arguments")
    assert first["timestamp"] == "2026-01-01T00:00:00Z"
    assert (first[member] if inner is None else first[member][inner])["city"] == "Zürich"
    assert "omitted_bytes" in json.dumps(second)
