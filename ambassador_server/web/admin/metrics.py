"""`/metrics`: serves the metrics of this server in the format that Prometheus asks for."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from aiohttp import web
from prometheus_client import ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UnknownMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ambassador_protocol import __version__
from ambassador_protocol.paths import METRICS as PATH
from ambassador_server.domain.people.administrators import Right
from ambassador_server.services.monitoring.families import Distribution, Family, FamilyKind
from ambassador_server.web.admin.app_keys import METRICS, SCRAPES
from ambassador_server.web.app_keys import IGNORED_HEADERS, SETTINGS
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.listener_bounds import ConnectionsByApi

_TEXT = "text/plain"


class _Scrape(Collector):
    """The metrics of one scrape; the samples of `families` may be read once."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Return the families, and what the system knows of this process."""
        yield from map(_metric, self._families)
        yield from ProcessCollector(registry=None).collect()


async def metrics(request: web.Request) -> web.Response:
    """Return counts, durations and states of this server, in the text format of Prometheus or as OpenMetrics."""
    encode, content_type = _encoder(request.headers.get("Accept", ""))
    # One at a time, and in a thread: a large catalog has many thousand lines, which must not delay calls.
    async with request.app[SCRAPES]:
        families = await request.app[METRICS].families()
        families += families_of_listeners(
            request.app[SETTINGS].connections, request.app[IGNORED_HEADERS].requests
        )
        text = await asyncio.to_thread(encode, _Scrape(families))
    return web.Response(body=text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [Endpoint(method="GET", path=PATH, right=Right.METRICS_READ, handler=metrics, response_type=_TEXT)]


def families_of_listeners(connections: ConnectionsByApi, ignored: int = 0) -> list[Family]:
    """Return the families of the listeners, and that of the program; `ignored` requests had identity headers."""
    return [
        Family(
            name="mcp_ambassador_build_info",
            kind=FamilyKind.GAUGE,
            help="Always 1; the label is the version of this server.",
            labels=("version",),
            samples=[((__version__,), 1)],
        ),
        Family(
            name="mcp_ambassador_connections_refused",
            kind=FamilyKind.COUNTER,
            help="Connections that were refused because there were too many, by API.",
            labels=("api",),
            samples=[((api,), counts.refused) for api, counts in connections.items()],
        ),
        Family(
            name="mcp_ambassador_connections_cut_off",
            kind=FamilyKind.COUNTER,
            help="Connections that were ended because their client did not read, by API.",
            labels=("api",),
            samples=[((api,), counts.cut_off) for api, counts in connections.items()],
        ),
        Family(
            name="mcp_ambassador_identity_headers_ignored",
            kind=FamilyKind.COUNTER,
            help="Requests whose identity headers changed nothing, because no trusted gateway sent them.",
            labels=(),
            samples=[((), ignored)],
        ),
    ]


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        return choose_encoder("")


_LIBRARY: Mapping[
    FamilyKind, Callable[..., CounterMetricFamily | GaugeMetricFamily | UnknownMetricFamily]
] = {
    FamilyKind.COUNTER: CounterMetricFamily,
    FamilyKind.GAUGE: GaugeMetricFamily,
    # The library, and OpenMetrics, want `_total` at the end of a counter, which these names do not have.
    FamilyKind.COUNT: UnknownMetricFamily,
}


def _metric(family: Family) -> Metric:
    if family.kind is FamilyKind.HISTOGRAM:
        return _histogram(family)
    filled = _LIBRARY[family.kind](family.name, family.help, labels=family.labels)
    for labels, value in family.samples:
        if not isinstance(value, Distribution):
            filled.add_metric(labels, value)
    return filled


def _histogram(family: Family) -> Metric:
    filled = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in family.samples:
        if isinstance(value, Distribution):
            names = (*map(floatToGoString, value.bounds), "+Inf")
            filled.add_metric(labels, tuple(zip(names, accumulate(value.counts), strict=True)), value.total)
    return filled
