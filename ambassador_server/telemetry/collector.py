"""The exporters towards one collector over OTLP/HTTP; nothing of them runs in the event loop."""

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from requests.adapters import HTTPAdapter

_TRACES, _METRICS = "/v1/traces", "/v1/metrics"
_MOST_POINTS: Final = 10_000
_REPEAT_SECONDS: Final = 60.0
_MOST_KINDS: Final = 100


@dataclass(frozen=True, slots=True)
class Collector:
    """Where telemetry goes: the address without a path of a signal, the headers with their secrets, and the trust."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext
    timeout: float

    def span_exporter(self) -> OTLPSpanExporter:
        """Return an exporter of spans."""
        return OTLPSpanExporter(
            endpoint=self.url.rstrip("/") + _TRACES,
            headers=self.headers,
            timeout=self.timeout,
            compression=Compression.Gzip,
            session=self._session(),
        )

    def metric_exporter(self) -> OTLPMetricExporter:
        """Return an exporter of metrics, which splits a large catalog over several requests."""
        return OTLPMetricExporter(
            endpoint=self.url.rstrip("/") + _METRICS,
            headers=self.headers,
            timeout=self.timeout,
            compression=Compression.Gzip,
            session=self._session(),
            max_export_batch_size=_MOST_POINTS,
        )

    def _session(self) -> requests.Session:
        session = requests.Session()
        # No proxy and no netrc of the environment, as for everything else that this server sends.
        session.trust_env = False
        session.mount("https://", _TrustingAdapter(self.tls))
        return session


class _TrustingAdapter(HTTPAdapter):
    """Connects with our TLS context instead of the library's own bundle of authorities."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> Any:
        """Add no authorities and no certificate to those of the context."""
        return super().build_connection_pool_key_attributes(request, True, None)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do the same for a connection."""


class RareRepeats(logging.Filter):
    """Lets a message of an exporter pass once a minute: a collector that is away must not fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a message; messages are alike if they differ in their values alone."""
        now = time.monotonic()
        last = self._told.get(record.msg)
        if last is not None and now - last < _REPEAT_SECONDS:
            return False
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[record.msg] = now
        return True


def quiet_exporters() -> None:
    """Let the library report each kind of failure once a minute; calling this again changes nothing."""
    names = (OTLPSpanExporter.__module__, OTLPMetricExporter.__module__, "opentelemetry.sdk._shared_internal")
    for name in names:
        log = logging.getLogger(name)
        if not any(isinstance(each, RareRepeats) for each in log.filters):
            log.addFilter(RareRepeats())
