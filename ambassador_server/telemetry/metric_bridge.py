"""The metrics of `/metrics` as data points of OpenTelemetry: the same numbers, counted once."""

import time
from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from ambassador_server.services.monitoring.families import Distribution, Family, FamilyKind

_SECONDS = "_seconds"
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricBridge:
    """Converts families; counts begin at the time at which this was built."""

    def __init__(self, resource: Resource, scope: InstrumentationScope) -> None:
        self._resource = resource
        self._scope = scope
        self._since = time.time_ns()

    def data(self, families: Sequence[Family]) -> MetricsData:
        """Return the data points of now; the samples of a family may be read once."""
        now = time.time_ns()
        metrics = [found for each in families if (found := self._metric(each, now)) is not None]
        scope = ScopeMetrics(scope=self._scope, metrics=metrics, schema_url="")
        return MetricsData(
            resource_metrics=[ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")]
        )

    def _metric(self, family: Family, now: int) -> Metric | None:
        """Return a metric; None without samples, because a metric without points says nothing."""
        data: Sum | Gauge | Histogram
        if family.kind is FamilyKind.HISTOGRAM:
            data = Histogram(
                data_points=self._distributions(family, now), aggregation_temporality=_CUMULATIVE
            )
        elif family.kind is FamilyKind.GAUGE:
            data = Gauge(data_points=self._numbers(family, now))
        else:
            data = Sum(
                data_points=self._numbers(family, now),
                aggregation_temporality=_CUMULATIVE,
                # Exporters for Prometheus append `_total` to what is monotonic, which these names must not have.
                is_monotonic=family.kind is not FamilyKind.COUNT,
            )
        if not data.data_points:
            return None
        unit = "s" if family.name.endswith(_SECONDS) else ""
        return Metric(name=family.name, description=family.help, unit=unit, data=data)

    def _numbers(self, family: Family, now: int) -> list[NumberDataPoint]:
        return [
            NumberDataPoint(
                attributes=dict(zip(family.labels, labels, strict=True)),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                value=int(value) if isinstance(value, bool) else value,
            )
            for labels, value in family.samples
            if not isinstance(value, Distribution)
        ]

    def _distributions(self, family: Family, now: int) -> list[HistogramDataPoint]:
        return [
            HistogramDataPoint(
                attributes=dict(zip(family.labels, labels, strict=True)),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=sum(value.counts),
                sum=value.total,
                bucket_counts=tuple(value.counts),
                explicit_bounds=tuple(value.bounds),
                min=None,  # type: ignore[arg-type] # it is optional in the protocol, and not counted here
                max=None,  # type: ignore[arg-type] # the same
            )
            for labels, value in family.samples
            if isinstance(value, Distribution)
        ]
