"""What is special about the intake of Datadog and about collectors of OpenTelemetry."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ambassador_server.audit_sinks import build_sink, read_options
from ambassador_server.audit_sinks.otlp import ATTRIBUTES
from ambassador_server.domain.audit.events import AuditAction, AuditRecord, Outcome
from ambassador_server.errors import ConfigurationError, SinkRefusedError, SinkUnavailableError
from tests.documents.build import ROOT
from tests.server.audit_log.samples import EVENT
from tests.server.audit_sinks.receivers import SECRET, DatadogReceiver, Http, OtlpReceiver, attributes_of

RECORD = AuditRecord(writer="main", seq=7, digest="ab" * 32, event=EVENT)
DENIED = replace(RECORD, event=replace(EVENT, outcome=Outcome.DENIED, action=AuditAction.CALL_DENY))
FAILED = replace(RECORD, event=replace(EVENT, outcome=Outcome.FAILED))


@pytest.fixture
async def datadog(tmp_path: Path) -> AsyncIterator[DatadogReceiver]:
    receiver = DatadogReceiver(tmp_path)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[OtlpReceiver]:
    receiver = OtlpReceiver(tmp_path)
    await receiver.start()
    yield receiver
    await receiver.stop()


async def test_a_batch_becomes_as_many_requests_as_the_intake_demands(datadog: DatadogReceiver):
    sink = datadog.sink(record_bytes=900_000)
    await sink.deliver([replace(RECORD, seq=number) for number in range(2_100)])
    assert [len(batch) for batch in datadog.batches] == [1000, 1000, 100]
    datadog.batches.clear()
    text = os.urandom(400_000).hex()
    large = replace(RECORD, event=replace(EVENT, details={"arguments": {"text": text}}))
    await sink.deliver([replace(large, seq=number) for number in range(13)])
    assert [len(batch) for batch in datadog.batches] == [6, 6, 1]
    assert datadog.documents[12]["details"] == {"arguments": {"text": text}}
    await sink.close()


async def test_an_entry_says_when_what_and_from_where(tmp_path: Path):
    entries: list[dict[str, Any]] = []

    class Intake(DatadogReceiver):
        def read(self, request: Any, body: bytes) -> list[dict[str, Any]]:
            entries.extend(json.loads(body))
            return super().read(request, body)

    receiver = Intake(tmp_path)
    await receiver.start()
    sink = receiver.sink(service="door", tags="env:test", host="door-1")
    await sink.deliver([RECORD, DENIED, FAILED])
    await sink.close()
    await receiver.stop()
    assert [entry["status"] for entry in entries] == ["info", "warning", "notice"]
    first = entries[0]
    assert (first["service"], first["hostname"], first["ddsource"]) == ("door", "door-1", "mcp-ambassador")
    assert first["ddtags"].startswith("env:test,version:")
    assert first["timestamp"] == 1767225600000
    assert first["message"].startswith("call:tool:attempt ")


@pytest.mark.parametrize(
    ("site", "url"),
    [
        ("datadoghq.com", "https://http-intake.logs.datadoghq.com/api/v2/logs"),
        ("datadoghq.eu", "https://http-intake.logs.datadoghq.eu/api/v2/logs"),
    ],
)
def test_a_site_names_its_intake(site: str, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DD_KEY", SECRET)
    sink = build_sink(read_options({"type": "datadog", "api_key": "env://DD_KEY", "site": site}, "sink"))
    assert url in str(vars(sink)["_poster"].__dict__.values())
    assert SECRET not in repr(sink)


async def test_a_log_record_has_its_attributes_and_its_severity(collector: OtlpReceiver):
    sink = collector.sink(service="door")
    await sink.deliver([RECORD, DENIED, FAILED])
    await sink.close()
    first, denied, failed = collector.records
    assert collector.resource["service.name"] == "door"
    assert set(collector.resource) == {"service.name", "service.version", "host.name"}
    assert first.event_name == "call:tool:attempt"
    assert first.time_unix_nano == first.observed_time_unix_nano == 1767225600 * 10**9
    assert [(each.severity_number, each.severity_text) for each in (first, denied, failed)] == [
        (9, "INFO"),
        (13, "WARN"),
        (10, "INFO2"),
    ]
    found = attributes_of(first)
    assert found["log.record.uid"] == "main:7"
    assert found["user.name"] == EVENT.actor.name
    assert found["ambassador.outcome"] == EVENT.outcome
    assert set(found) <= set(ATTRIBUTES)


async def test_an_attribute_is_bounded(collector: OtlpReceiver):
    sink = collector.sink()
    await sink.deliver([replace(RECORD, event=replace(EVENT, reason="ü" * 5000))])
    await sink.close()
    assert attributes_of(collector.records[0])["ambassador.reason"] == "ü" * 1024
    assert collector.documents[0]["reason"] == "ü" * 5000


@pytest.mark.parametrize("rejected", [1, "3"])
async def test_records_that_a_collector_rejects_are_refused(collector: OtlpReceiver, rejected: Any):
    collector.status = 202
    collector.answer = {"partialSuccess": {"rejectedLogRecords": rejected, "errorMessage": "too old"}}
    sink = collector.sink(compression="none")
    with pytest.raises(SinkRefusedError, match="the collector rejects records: too old"):
        await sink.deliver([RECORD])
    await sink.close()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"partialSuccess": {}},
        {"partialSuccess": {"rejectedLogRecords": "0", "errorMessage": "slow down"}},
    ],
)
async def test_another_answer_of_a_collector_takes_the_records(collector: OtlpReceiver, answer: Any):
    collector.status, collector.answer = 202, answer
    sink = collector.sink()
    await sink.deliver([RECORD])
    await sink.close()


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
async def test_no_error_quotes_the_key(datadog: DatadogReceiver, collector: OtlpReceiver, status: int):
    receivers: tuple[Http, ...] = (datadog, collector)
    for receiver in receivers:
        receiver.status, receiver.answer = status, {"errors": [SECRET]}
        sink = receiver.sink()  # type: ignore[attr-defined]
        with pytest.raises(SinkUnavailableError) as found:
            await sink.deliver([RECORD])
        assert SECRET not in str(found.value)
        await sink.close()


def test_a_missing_key_stops_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DD_KEY", raising=False)
    for options in (
        {"type": "datadog", "api_key": "env://DD_KEY"},
        {"type": "otlp", "url": "https://collector.example", "headers": {"api-key": "env://DD_KEY"}},
    ):
        with pytest.raises(ConfigurationError, match="env://DD_KEY is not set"):
            build_sink(read_options(options, "sink"))


def test_the_page_has_every_attribute():
    text = (ROOT / "docs/audit-sinks.md").read_text(encoding="utf-8")
    for name, field in ATTRIBUTES.items():
        shown = " and ".join(f"`{part}`" for part in field.split(":"))
        assert f"| `{name}` | {shown} |" in text
