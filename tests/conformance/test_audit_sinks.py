"""The behaviour of every audit sink under delivery, on real sockets and pipes, and of the fake."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.errors import SinkUnavailableError
from ambassador_server.ports.audit_sink import AuditSink
from ambassador_server.services.audit.delivery import AuditDeliveries, Delivery, SinkSettings, SinkStatus
from ambassador_server.services.audit.sink_positions import SinkPositions
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.audit_sink import FakeReceiver, FakeSink
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.audit_log.samples import numbered
from tests.server.audit_sinks import receivers
from tests.server.audit_sinks.receivers import Document, Receiver
from tests.server.downstream.certificates import make_certificate

NODE = "node-1"
PAUSES = Backoff(0.01, 0.05)
KINDS: dict[str, Callable[[Path], Receiver]] = {
    "fake": receivers.InMemory,
    "webhook": receivers.WebhookReceiver,
    "splunk_hec": receivers.SplunkReceiver,
    "datadog": receivers.DatadogReceiver,
    "otlp": receivers.OtlpReceiver,
    "syslog-tcp": receivers.SyslogStream,
    "syslog-tls": receivers.SyslogTls,
    "syslog-udp": receivers.SyslogDatagrams,
    "stdout": receivers.Pipe,
}
STOPPABLE = [kind for kind in KINDS if kind != "stdout"]
OVER_HTTP = ["webhook", "splunk_hec", "datadog", "otlp"]
ANSWERING = ["fake", *OVER_HTTP]
OVER_TLS = [*OVER_HTTP, "syslog-tls"]


@dataclass
class Bench:
    """A log, a receiver, and deliveries between them."""

    receiver: Any
    audit: Path
    log: FakeAuditLog = field(default_factory=lambda: FakeAuditLog(NODE))
    store: InMemoryStore = field(default_factory=InMemoryStore)
    appended: int = 0
    running: list["asyncio.Task[None]"] = field(default_factory=list)
    sinks: list[AuditSink] = field(default_factory=list)

    async def append(self, count: int, **changes: Any) -> None:
        for _ in range(count):
            await self.log.append(self.event(self.appended, **changes))
            self.appended += 1

    def event(self, number: int, **changes: Any) -> AuditEvent:
        return structs.replace(numbered(number), **changes)

    def delivery(self, *, batch: int = 50, timeout: float = PATIENCE, **options: Any) -> Delivery:
        sink = self.receiver.sink(**options)
        self.sinks.append(sink)
        settings = SinkSettings(
            name="main-sink",
            kind="any",
            sink=sink,
            batch_records=batch,
            linger=0.01,
            timeout=timeout,
        )
        return Delivery(
            settings=settings,
            logs=[self.log],
            journal=(journal := FileSinkJournal(self.audit, NODE)),
            stored=self.stored(journal),
            clock=ManualClock(),
            pause_after=PAUSES.after,
        )

    def stored(self, journal: FileSinkJournal) -> SinkPositions:
        return SinkPositions(store=self.store, journal=journal, node=NODE)

    def run(self, delivery: Delivery) -> "asyncio.Task[None]":
        task = asyncio.create_task(delivery.run())
        self.running.append(task)
        return task

    async def kill(self, delivery: Delivery, task: "asyncio.Task[None]") -> None:
        """End the delivery as a crash would, without a last batch and a last position."""
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await delivery.settings.sink.close()

    def assert_complete(self) -> None:
        """Check that every record arrived, in order, and that repeated ones are the same."""
        first: dict[int, Document] = {}
        for one in self.receiver.documents:
            assert one["writer"] == NODE
            assert first.setdefault(one["seq"], one) == one
        assert list(first) == list(range(1, self.appended + 1))
        assert [one["request_id"] for one in first.values()] == [f"r-{n}" for n in range(self.appended)]

    async def all_arrived(self) -> None:
        await until(lambda: len({one["seq"] for one in self.receiver.documents}) >= self.appended)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - the condition changes at the other end of a socket
            await asyncio.sleep(0.005)


async def status_when(delivery: Delivery, holds: Callable[[SinkStatus], object]) -> SinkStatus:
    async with asyncio.timeout(PATIENCE):
        while not holds(status := await delivery.status()):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    return status


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    audit = tmp_path / "audit"
    (audit / NODE).mkdir(parents=True)
    bench = Bench(KINDS[request.param](tmp_path), audit)
    await bench.receiver.start()
    yield bench
    for task in bench.running:
        task.cancel()
    await asyncio.gather(*bench.running, return_exceptions=True)
    for sink in bench.sinks:
        await sink.close()
    bench.receiver.answering.set()
    await bench.receiver.stop()


@pytest.mark.parametrize("bench", KINDS, indirect=True)
async def test_records_arrive_in_order_and_unchanged(bench: Bench):
    await bench.append(430)
    delivery = bench.delivery()
    bench.run(delivery)
    await bench.all_arrived()
    await bench.append(7)
    await bench.all_arrived()
    bench.assert_complete()
    assert len(bench.receiver.documents) == 437, "nothing is sent twice without need"
    one = bench.receiver.documents[3]
    assert one["action"] == "call:tool:attempt"
    assert one["actor"]["name"] == "Ann"
    assert one["details"] == {
        "arguments": {"city": "Zürich", "days": [1, 2, None], "exact": 10**30, "ratio": 0.5}
    }
    assert len(one["digest"]) == 64
    status = await status_when(delivery, lambda status: status.behind == 0)
    assert status.positions == {NODE: 437}
    assert (status.delivered, status.dead_letters, status.failures, status.last_error) == (437, 0, 0, None)
    assert status.last_success is not None


@pytest.mark.parametrize("bench", KINDS, indirect=True)
async def test_a_crash_during_a_batch_loses_no_record(bench: Bench):
    await bench.append(120)
    first = bench.delivery(batch=40)
    task = bench.run(first)
    await until(lambda: len(bench.receiver.documents) >= 40)
    bench.receiver.answering.clear()
    await bench.append(200)
    if bench.receiver.batches and not isinstance(bench.receiver, receivers.Pipe):
        await until(lambda: bench.receiver.documents[-1]["seq"] > 40)
    await bench.kill(first, task)
    bench.receiver.answering.set()

    second = bench.delivery(batch=40)
    bench.run(second)
    await bench.all_arrived()
    bench.assert_complete()


@pytest.mark.parametrize("bench", STOPPABLE, indirect=True)
async def test_a_receiver_that_was_down_gets_every_record(bench: Bench):
    await bench.append(60)
    delivery = bench.delivery()
    bench.run(delivery)
    await bench.all_arrived()
    await status_when(delivery, lambda status: status.behind == 0)
    await bench.receiver.stop()
    await bench.append(170)
    failing = await status_when(delivery, lambda status: status.failures >= 2)
    assert failing.behind == 170
    assert failing.positions == {NODE: 60}
    assert failing.last_error is not None
    assert "receiver" in failing.last_error
    await bench.receiver.start()
    await bench.all_arrived()
    bench.assert_complete()
    well = await status_when(delivery, lambda status: status.behind == 0)
    assert well.failures == 0
    assert well.last_error is not None, "what went wrong last is still told"


@pytest.mark.parametrize("bench", [*ANSWERING, "stdout"], indirect=True)
async def test_a_slow_receiver_gets_one_batch_at_a_time_and_delays_no_append(bench: Bench):
    bench.receiver.answering.clear()
    delivery = bench.delivery(batch=20)
    bench.run(delivery)
    await bench.append(2000)
    waiting = await status_when(delivery, lambda status: status.behind is not None)
    assert waiting.behind is not None
    assert waiting.behind >= 1000, "appending went on while the receiver did not"
    assert len(bench.receiver.documents) <= 20
    bench.receiver.answering.set()
    await bench.all_arrived()
    bench.assert_complete()
    assert max(len(batch) for batch in bench.receiver.batches) <= 20


@pytest.mark.parametrize("bench", [kind for kind in STOPPABLE if kind in ANSWERING], indirect=True)
async def test_a_batch_without_an_answer_in_time_is_sent_again(bench: Bench):
    bench.receiver.answering.clear()
    await bench.append(10)
    delivery = bench.delivery(timeout=0.1)
    bench.run(delivery)
    status = await status_when(delivery, lambda status: status.failures >= 2)
    assert status.last_error == "no answer within 0.1 seconds"
    assert status.positions == {}
    bench.receiver.answering.set()
    await bench.all_arrived()
    bench.assert_complete()


@pytest.mark.parametrize("bench", ANSWERING, indirect=True)
async def test_a_refused_record_becomes_a_dead_letter_and_its_neighbours_arrive(bench: Bench):
    bench.receiver.refuses = lambda one: one["seq"] in (7, 31)
    await bench.append(50)
    delivery = bench.delivery()
    bench.run(delivery)
    status = await status_when(delivery, lambda status: status.behind == 0)
    assert (status.delivered, status.dead_letters) == (48, 2)
    assert [one["seq"] for one in bench.receiver.documents] == [n for n in range(1, 51) if n not in (7, 31)]
    letters = (bench.audit / NODE / "sinks" / "main-sink.dead.jsonl").read_text().splitlines()
    assert [json.loads(letter)["seq"] for letter in letters] == [7, 31]
    assert json.loads(letters[0])["event"]["request_id"] == "r-6"
    assert json.loads(letters[0])["reason"] == "the receiver answers 400"


@pytest.mark.parametrize("bench", OVER_HTTP, indirect=True)
@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 301, 500, 503])
async def test_an_answer_that_is_not_about_the_records_loses_none(bench: Bench, status: int):
    bench.receiver.status = status
    await bench.append(10)
    delivery = bench.delivery()
    bench.run(delivery)
    failing = await status_when(delivery, lambda status: status.failures >= 2)
    assert failing.last_error == f"the receiver answers {status}"
    assert failing.dead_letters == 0
    bench.receiver.status = 200
    await bench.all_arrived()
    bench.assert_complete()


@pytest.mark.parametrize("bench", OVER_TLS, indirect=True)
async def test_a_receiver_with_an_untrusted_certificate_gets_nothing(bench: Bench, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    wrong, _ = make_certificate(other)
    await bench.append(10)
    delivery = bench.delivery(ca_file=wrong)
    bench.run(delivery)
    status = await status_when(delivery, lambda status: status.failures >= 2)
    assert status.last_error is not None
    assert "certificate is not trusted" in status.last_error
    assert bench.receiver.documents == []
    assert status.positions == {}


@pytest.mark.parametrize("bench", KINDS, indirect=True)
async def test_an_oversized_record_arrives_without_its_details(bench: Bench):
    await bench.append(3)
    await bench.append(1, details={"arguments": {"text": "ü" * 500_000}})
    await bench.append(1, reason="ü" * 100_000, details={"n": 1})
    await bench.append(3)
    delivery = bench.delivery(record_bytes=4096)
    bench.run(delivery)
    await bench.all_arrived()
    bench.assert_complete()
    large, long, after = bench.receiver.documents[3:6]
    assert set(large["details"]) == {"omitted_bytes"}
    assert large["details"]["omitted_bytes"] > 1_000_000
    assert long["reason"].startswith("üü")
    assert len(long["reason"]) <= 128
    assert after["details"]["arguments"]["city"] == "Zürich"


@pytest.mark.parametrize("bench", KINDS, indirect=True)
async def test_closing_delivers_the_remaining_records(bench: Bench):
    settings = replace(bench.delivery().settings, linger=60.0)
    journal = FileSinkJournal(bench.audit, NODE)
    deliveries = AuditDeliveries(
        sinks=[settings],
        logs=[bench.log],
        journal=journal,
        stored=bench.stored(journal),
        clock=ManualClock(),
        pause_after=PAUSES.after,
    )
    deliveries.start()
    await bench.append(120)
    async with asyncio.timeout(PATIENCE):
        await deliveries.close()
    await bench.all_arrived()
    bench.assert_complete()


@pytest.mark.parametrize("bench", [*ANSWERING, "stdout"], indirect=True)
async def test_closing_does_not_wait_for_a_receiver_that_hangs(bench: Bench):
    bench.receiver.answering.clear()
    await bench.append(2000)
    settings = bench.delivery(timeout=600.0).settings
    journal = FileSinkJournal(bench.audit, NODE)
    deliveries = AuditDeliveries(
        sinks=[settings],
        logs=[bench.log],
        journal=journal,
        stored=bench.stored(journal),
        clock=ManualClock(),
        pause_after=PAUSES.after,
    )
    deliveries.start()
    async with asyncio.timeout(PATIENCE):
        await deliveries.close()
    [status] = await deliveries.statuses()
    assert status.behind is None or status.behind > 0


async def test_the_answer_of_a_receiver_is_masked_and_made_printable(tmp_path: Path):
    class Talker(FakeSink):
        async def deliver(self, records: Sequence[AuditRecord]) -> None:
            raise SinkUnavailableError("\x1b[2Jgo away\r\npassword=hunter22 " + "x" * 5000)

    (tmp_path / NODE).mkdir()
    log = FakeAuditLog(NODE)
    await log.append(numbered(0))
    settings = SinkSettings(name="talker", kind="any", sink=Talker(FakeReceiver(), 65536))
    journal = FileSinkJournal(tmp_path, NODE)
    delivery = Delivery(
        settings=settings,
        logs=[log],
        journal=journal,
        stored=SinkPositions(store=InMemoryStore(), journal=journal, node=NODE),
        clock=ManualClock(),
        pause_after=PAUSES.after,
    )
    task = asyncio.create_task(delivery.run())
    status = await status_when(delivery, lambda status: status.failures)
    await gather_cancelled(task)
    assert status.last_error is not None
    assert status.last_error.isprintable()
    assert "hunter22" not in status.last_error
    assert len(status.last_error) <= 300
    assert status.last_error_at is not None


async def test_a_sink_with_an_unexpected_error_is_tried_again(tmp_path: Path):
    class Broken(FakeSink):
        async def deliver(self, records: Sequence[AuditRecord]) -> None:
            if receiver.is_up:
                receiver.is_up = False
                raise ZeroDivisionError("oh")
            receiver.is_up = True
            await super().deliver(records)

    (tmp_path / NODE).mkdir()
    receiver, log = FakeReceiver(), FakeAuditLog(NODE)
    await log.append(numbered(0))
    settings = SinkSettings(name="broken", kind="any", sink=Broken(receiver, 65536))
    journal = FileSinkJournal(tmp_path, NODE)
    delivery = Delivery(
        settings=settings,
        logs=[log],
        journal=journal,
        stored=SinkPositions(store=InMemoryStore(), journal=journal, node=NODE),
        clock=ManualClock(),
        pause_after=PAUSES.after,
    )
    task = asyncio.create_task(delivery.run())
    status = await status_when(delivery, lambda status: status.delivered == 1)
    await gather_cancelled(task)
    assert status.last_error == "ZeroDivisionError: oh"


async def gather_cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
