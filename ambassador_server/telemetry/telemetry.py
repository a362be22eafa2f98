"""The traces and metrics of one server, from its start to its end."""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from ambassador_protocol import __version__
from ambassador_server.services.monitoring.families import Family
from ambassador_server.telemetry.collector import Collector, quiet_exporters
from ambassador_server.telemetry.metric_bridge import MetricBridge
from ambassador_server.telemetry.spans import OtelTracer

MOST_WAITING: Final = 8192
"""How many spans wait for the collector; more are dropped."""
LONGEST_VALUE: Final = 256
"""How many characters the value of an attribute has at most."""
_BATCH: Final = 512
_DELAY_SECONDS: Final = 2.0
STOP_SECONDS: Final = 3.0
"""How long the end of the server waits for the collector."""
_SCOPE: Final = "ambassador_server"
_LIMITS: Final = SpanLimits(
    max_attributes=32,
    max_events=8,
    max_links=4,
    max_event_attributes=8,
    max_link_attributes=8,
    max_attribute_length=LONGEST_VALUE,
    max_span_attribute_length=LONGEST_VALUE,
)

Families = Callable[[], Awaitable[Sequence[Family]]]

_log = structlog.get_logger("server")


class Telemetry:
    """Exports spans from a thread of the library, and metrics when it is told to."""

    def __init__(
        self,
        collector: Collector,
        *,
        service: str,
        node: str,
        sample_ratio: float,
        propagates: bool,
        traces: bool,
        metrics: bool,
    ) -> None:
        quiet_exporters()
        resource = Resource.create(
            {
                "service.name": service,
                "service.version": __version__,
                "service.instance.id": node,
                "host.name": socket.gethostname(),
                "process.pid": os.getpid(),
            }
        )
        self.tracer: OtelTracer | None = None
        self._provider: TracerProvider | None = None
        if traces:
            self._provider = TracerProvider(
                sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
                resource=resource,
                shutdown_on_exit=False,
                span_limits=_LIMITS,
            )
            self._provider.add_span_processor(
                BatchSpanProcessor(
                    collector.span_exporter(),
                    max_queue_size=MOST_WAITING,
                    schedule_delay_millis=_DELAY_SECONDS * 1000,
                    max_export_batch_size=_BATCH,
                )
            )
            tracer = self._provider.get_tracer(_SCOPE, __version__)
            if isinstance(tracer, SdkTracer):  # not with OTEL_SDK_DISABLED
                self.tracer = OtelTracer(tracer, propagates=propagates)
        self._metrics = collector.metric_exporter() if metrics else None
        self._bridge = MetricBridge(resource, InstrumentationScope(_SCOPE, __version__))
        self._failing = False

    @property
    def has_metrics(self) -> bool:
        """Tell whether metrics are exported."""
        return self._metrics is not None

    async def export_metrics(self, families: Families) -> None:
        """Send the metrics of now, and wait until the collector has them or the time is over."""
        if self._metrics is not None:
            await _in_thread(self._export, self._metrics, await families())

    async def close(self, families: Families | None = None) -> None:
        """Send what waits, for at most a few seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(
                    *(() if self._provider is None else (_in_thread(self._provider.shutdown),)),
                    *(() if families is None else (self.export_metrics(families),)),
                )
        if self._metrics is not None:
            self._metrics.shutdown()

    def _export(self, exporter: OTLPMetricExporter, families: Sequence[Family]) -> None:
        # The conversion of a large catalog must not delay calls, so it is done here, too.
        failed = exporter.export(self._bridge.data(families)) is not MetricExportResult.SUCCESS
        if failed != self._failing:
            self._failing = failed
            _log.warning("metrics are not exported" if failed else "metrics are exported again")


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> None:
    """Run work in a thread of its own that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work(*arguments)
        except Exception as found:
            error = found
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name="telemetry", daemon=True).start()
    await done
