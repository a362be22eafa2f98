"""A collector of OpenTelemetry over HTTP that decodes what it gets, and can be slow, refuse or be away."""

import gzip
import secrets
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.end_to_end.world import Downstream, until


def attributes(found: Any) -> dict[str, Any]:
    """Return attributes by their names."""
    return {each.key: _value(each) for each in found}


def _value(found: KeyValue) -> Any:
    return getattr(found.value, found.value.WhichOneof("value") or "string_value")


@dataclass(frozen=True, slots=True)
class Received:
    """One span, with its ids in hexadecimal digits."""

    span: Span
    resource: Mapping[str, Any]

    @property
    def trace(self) -> str:
        return self.span.trace_id.hex()

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def attributes(self) -> dict[str, Any]:
        return attributes(self.span.attributes)

    @property
    def failed(self) -> bool:
        return self.span.status.code == Status.STATUS_CODE_ERROR


@dataclass
class Collector:
    """What has arrived; `status` is the answer, and requests wait for `answering`."""

    spans: list[Received] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    status: int = 200
    answering: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def of_trace(self, trace_id: str) -> dict[str, Received]:
        """Return the spans of a trace by their kind and name."""
        return {
            f"{Span.SpanKind.Name(each.span.kind)[10:].lower()} {each.name}": each
            for each in tuple(self.spans)
            if each.trace == trace_id
        }

    def take(self, path: str, body: bytes) -> None:
        self.raw.append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                about = attributes(resource.resource.attributes)
                self.spans += [
                    Received(span, about) for scope in resource.scope_spans for span in scope.spans
                ]
        elif path == "/v1/metrics":
            for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {each.name: each for scope in found.scope_metrics for each in scope.metrics}
        else:
            raise AssertionError(path)


@contextmanager
def collecting(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Run a collector on a free port."""
    collector = Collector()
    collector.answering.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Encoding"] == "gzip"
            collector.headers.append(dict(self.headers))
            collector.answering.wait()
            if collector.status == 200:
                collector.take(self.path, gzip.decompress(body))
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    collector.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.answering.set()
        server.shutdown()
        server.server_close()
        thread.join()


def fresh() -> tuple[str, str]:
    """Return a trace id and a `traceparent` with it."""
    trace = secrets.token_hex(16)
    return trace, f"00-{trace}-{secrets.token_hex(8)}-01"


def spans_of(collector: Collector, trace: str, *names: str) -> dict[str, Received]:
    def there() -> dict[str, Received] | None:
        found = collector.of_trace(trace)
        return found if found.keys() >= set(names) else None

    return until(there, f"the collector has {names}, not only {collector.of_trace(trace).keys()}")


def carried(called: Downstream) -> dict[str, Any]:
    """Return the `_meta` of the last call that arrived."""
    meta: dict[str, Any] = called.calls()[-1]["_meta"]
    return meta
