"""What leaves for a collector: over TLS that is trusted here, with numbers counted once, and never for long."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import Gauge, Histogram, MetricExportResult, Sum
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from ambassador_protocol.tls import client_context
from ambassador_server.bootstrap.telemetry import check_telemetry, open_telemetry
from ambassador_server.config import ServerConfig, load_config
from ambassador_server.errors import ConfigurationError
from ambassador_server.services.monitoring.families import Distribution, Family, FamilyKind
from ambassador_server.setting_sections import TelemetrySection
from ambassador_server.telemetry.collector import Collector, RareRepeats
from ambassador_server.telemetry.metric_bridge import MetricBridge
from tests.end_to_end.otlp_collector import Collector as Received
from tests.end_to_end.otlp_collector import collecting
from tests.patience import PATIENCE
from tests.server.downstream.certificates import make_certificate

FAMILIES = [
    Family(name="a_count", kind=FamilyKind.COUNTER, help="A.", labels=("x", "y"), samples=[(("1", "2"), 3)]),
    Family(name="b_untyped", kind=FamilyKind.COUNT, help="B.", samples=[((), 4)]),
    Family(name="c_state", kind=FamilyKind.GAUGE, help="C.", samples=[((), True)]),
    Family(name="nothing", kind=FamilyKind.GAUGE, help="D.", samples=()),
    Family(
        name="e_seconds",
        kind=FamilyKind.HISTOGRAM,
        help="E.",
        samples=[((), Distribution((0.1, 1.0), (5, 0, 2), 9.5))],
    ),
]


@pytest.fixture
def received() -> Iterator[Received]:
    with collecting() as found:
        yield found


def configured(received: Received, **more: Any) -> ServerConfig:
    return ServerConfig(telemetry=TelemetrySection(endpoint=received.url, **more))


async def families() -> list[Family]:
    return FAMILIES


def test_each_kind_of_family_has_its_kind_of_data() -> None:
    bridge = MetricBridge(Resource({}), InstrumentationScope("test"))
    [scope] = bridge.data(FAMILIES).resource_metrics[0].scope_metrics
    found = {metric.name: metric.data for metric in scope.metrics}
    assert found.keys() == {"a_count", "b_untyped", "c_state", "e_seconds"}
    count, state, spread = found["a_count"], found["c_state"], found["e_seconds"]
    assert isinstance(count, Sum)
    assert count.is_monotonic
    [point] = count.data_points
    assert (point.attributes, point.value) == ({"x": "1", "y": "2"}, 3)
    assert point.start_time_unix_nano < point.time_unix_nano
    untyped = found["b_untyped"]
    assert isinstance(untyped, Sum)
    assert (untyped.is_monotonic, untyped.data_points[0].value) == (False, 4)
    assert isinstance(state, Gauge)
    assert state.data_points[0].value == 1
    assert isinstance(spread, Histogram)
    [part] = spread.data_points
    assert (part.count, part.sum, part.bucket_counts, part.explicit_bounds) == (7, 9.5, (5, 0, 2), (0.1, 1.0))


async def test_metrics_and_the_last_spans_arrive(received: Received) -> None:
    telemetry = open_telemetry(configured(received))
    assert telemetry is not None
    assert telemetry.tracer is not None
    await telemetry.export_metrics(families)
    assert received.metrics["e_seconds"].histogram.data_points[0].count == 7
    assert not received.metrics["e_seconds"].histogram.data_points[0].HasField("min")
    await telemetry.close()


async def test_the_end_does_not_wait_for_a_collector_that_hangs(received: Received) -> None:
    received.answering.clear()
    telemetry = open_telemetry(configured(received, timeout_seconds=60))
    assert telemetry is not None
    waiting = asyncio.create_task(telemetry.export_metrics(families))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await telemetry.close()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert all(each.daemon for each in threading.enumerate() if each.name == "telemetry")


@pytest.mark.parametrize("trusted", [True, False])
def test_only_the_given_authority_is_trusted(
    tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    (other := tmp_path / "other").mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    wrong, _ = make_certificate(other)
    # The library would take these instead.
    for name in ("REQUESTS_CA_BUNDLE", "OTEL_EXPORTER_OTLP_CERTIFICATE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(wrong if trusted else certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with collecting(context) as received:
        tls = client_context(cafile=certificate if trusted else wrong)
        exporter = Collector(received.url, {}, tls, 5.0).metric_exporter()
        bridge = MetricBridge(Resource({}), InstrumentationScope("test"))
        done = exporter.export(bridge.data(FAMILIES)) is MetricExportResult.SUCCESS
        exporter.shutdown()
        assert done is trusted
        assert bool(received.metrics) is trusted


@pytest.mark.parametrize(
    ("telemetry", "words"),
    [
        ({"endpoint": "http://collector.example:4318"}, "telemetry.endpoint: must be https://"),
        ({"endpoint": "collector:4318"}, "telemetry.endpoint"),
        ({"headers": {"api-key": "hunter22"}}, "must say where the secret is"),
        ({"headers": {"Host": "env://A"}}, "not that of a header"),
        ({"sample_ratio": 2}, "telemetry.sample_ratio"),
        ({"certificate_file": "/c.pem"}, "go together"),
        ({"endpiont": "http://127.0.0.1"}, "did you mean endpoint?"),
    ],
)
def test_a_wrong_setting_is_named(telemetry: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        load_config({"telemetry": telemetry}, {})
    assert words in found.value.message
    assert "hunter22" not in found.value.message


def test_what_cannot_be_read_stops_the_start_and_the_check(received: Received, tmp_path: Path) -> None:
    for more, words in (
        ({"headers": {"api-key": "env://NOT_SET_ANYWHERE"}}, "telemetry: env://NOT_SET_ANYWHERE is not set"),
        ({"ca_file": tmp_path / "none.pem"}, "telemetry: "),
    ):
        for act in (open_telemetry, check_telemetry):
            with pytest.raises(ConfigurationError, match=words):
                act(configured(received, **more))
    assert open_telemetry(ServerConfig()) is None


def test_a_failure_is_told_once_a_minute() -> None:
    rare = RareRepeats()

    def told(text: str, *values: object) -> bool:
        return rare.filter(logging.LogRecord("x", logging.ERROR, "", 0, text, values, None))

    assert told("Failed: %s", 1)
    assert not told("Failed: %s", 2)
    assert told("Another")
