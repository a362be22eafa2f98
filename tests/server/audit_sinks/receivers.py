"""Receivers of audit sinks on loopback sockets and pipes, which can be slow, refuse records or break."""

import asyncio
import json
import os
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from ambassador_server.audit_sinks import build_sink, read_options
from ambassador_server.audit_sinks.stdout import Options as StdoutOptions
from ambassador_server.audit_sinks.stdout import Stdout
from ambassador_server.audit_sinks.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature_of
from ambassador_server.ports.audit_sink import AuditSink
from tests.fakes.audit_sink import FakeReceiver, FakeSink
from tests.server.downstream.certificates import make_certificate

SECRET = "s3cret-of-the-receiver"
MESSAGE = re.compile(
    rb"<(?P<priority>[0-9]{1,3})>1 (?P<at>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<id>\S+) "
    rb'\[meta sequenceId="(?P<sequence>[0-9]+)"\] (?P<text>\{.*\})',
    re.DOTALL,
)

Document = dict[str, Any]


class Receiver(Protocol):
    """A receiver of records; clearing `answering` makes it hang, `refuses` selects records that it refuses for good."""

    batches: list[list[Document]]
    answering: asyncio.Event
    refuses: Callable[[Document], bool]

    @property
    def documents(self) -> list[Document]: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def sink(self, **options: Any) -> AuditSink: ...


class _Base(FakeReceiver):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        self.port = 0
        self.certificate, self.key = make_certificate(directory)

    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def secret(self) -> str:
        path = self.directory / "secret"
        path.write_text(SECRET + "\n")
        return f"file://{path}"


class InMemory(_Base):
    async def start(self) -> None:
        self.is_up = True

    async def stop(self) -> None:
        self.is_up = False

    def sink(self, **options: Any) -> AuditSink:
        return FakeSink(self, options.get("record_bytes", 262_144))


class Http(_Base):
    """An HTTP server for one path; a `status` other than 200 is its answer to every request."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.status = 200
        self.answer: Mapping[str, Any] = {}
        self.refusal: Mapping[str, Any] = {}
        self.requests = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls())
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.status != 200:
            return web.json_response(self.answer, status=self.status)
        batch = self.read(request, await request.read())
        if any(self.refuses(one) for one in batch):
            return web.json_response(self.refusal, status=400)
        self.batches.append(batch)
        await self.answering.wait()
        return web.json_response({"text": "Success", "code": 0})

    def read(self, request: web.Request, body: bytes) -> list[Document]:
        raise NotImplementedError


class WebhookReceiver(Http):
    def read(self, request: web.Request, body: bytes) -> list[Document]:
        signature = signature_of(SECRET.encode(), request.headers[TIMESTAMP_HEADER], body)
        assert request.headers[SIGNATURE_HEADER] == f"sha256={signature}"
        records: list[Document] = json.loads(body)["records"]
        return records

    def sink(self, **options: Any) -> AuditSink:
        url = f"https://127.0.0.1:{self.port}/audit"
        given = {
            "type": "webhook",
            "url": url,
            "secret": self.secret(),
            "ca_file": self.certificate,
            **options,
        }
        return build_sink(read_options(given, "sink"))


class SplunkReceiver(Http):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.refusal = {"text": "Invalid data format", "code": 6}

    def read(self, request: web.Request, body: bytes) -> list[Document]:
        assert request.path == "/services/collector/event"
        assert request.headers["Authorization"] == f"Splunk {SECRET}"
        envelopes = [json.loads(line) for line in body.splitlines()]
        for envelope in envelopes:
            assert set(envelope) == {"event", "time", "host", "source", "sourcetype", "index"}
            assert envelope["index"] == "audit"
        return [envelope["event"] for envelope in envelopes]

    def sink(self, **options: Any) -> AuditSink:
        url = f"https://127.0.0.1:{self.port}/"
        given = {"type": "splunk_hec", "url": url, "token": self.secret(), "index": "audit"}
        return build_sink(read_options({**given, "ca_file": self.certificate, **options}, "sink"))


class DatadogReceiver(Http):
    """The log intake of Datadog, with its limits of a request."""

    def read(self, request: web.Request, body: bytes) -> list[Document]:
        assert request.path == "/api/v2/logs"
        assert request.headers["DD-API-KEY"] == SECRET
        assert request.headers["Content-Encoding"] == "gzip"
        assert len(body) <= 5_000_000
        entries = json.loads(body)
        assert 1 <= len(entries) <= 1000
        for entry in entries:
            assert set(entry) == {
                *("ddsource", "service", "hostname", "ddtags", "timestamp", "status", "message", "audit")
            }
        return [entry["audit"] for entry in entries]

    def sink(self, **options: Any) -> AuditSink:
        url = f"https://127.0.0.1:{self.port}/"
        given = {"type": "datadog", "url": url, "api_key": self.secret(), "ca_file": self.certificate}
        return build_sink(read_options({**given, **options}, "sink"))


class OtlpReceiver(Http):
    """A collector that reads requests with the types of the protocol itself; an unknown member is an error."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.records: list[LogRecord] = []
        self.resource: dict[str, str] = {}

    def read(self, request: web.Request, body: bytes) -> list[Document]:
        assert request.path == "/v1/logs"
        assert request.headers["X-Api-Key"] == SECRET
        assert request.headers["Content-Type"] == "application/json"
        [resource] = json_format.Parse(body, ExportLogsServiceRequest()).resource_logs
        [scope] = resource.scope_logs
        self.resource = attributes_of(resource.resource)
        self.records += scope.log_records
        return [json.loads(record.body.string_value) for record in scope.log_records]

    def sink(self, **options: Any) -> AuditSink:
        url = f"https://127.0.0.1:{self.port}"
        headers = {"X-Api-Key": self.secret()}
        given = {"type": "otlp", "url": url, "headers": headers, "ca_file": self.certificate}
        return build_sink(read_options({**given, **options}, "sink"))


def attributes_of(holder: Any) -> dict[str, str]:
    """Return the attributes of a resource or of a log record; all have texts as values."""
    return {each.key: each.value.string_value for each in holder.attributes}


class SyslogStream(_Base):
    """A syslog server with octet counting over TCP or TLS."""

    protocol = "tcp"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.heads: list[dict[str, bytes]] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        tls = self.tls() if self.protocol == "tls" else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                length = int(await reader.readuntil(b" "))
                self.take(await reader.readexactly(length))
                await self.answering.wait()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    def take(self, message: bytes) -> None:
        found = MESSAGE.fullmatch(message)
        assert found is not None, message
        assert message.isascii()
        self.heads.append(found.groupdict())
        self.batches.append([json.loads(found["text"])])

    def sink(self, **options: Any) -> AuditSink:
        given = {
            "type": "syslog",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": self.protocol,
            **options,
        }
        if self.protocol == "tls" and "ca_file" not in options:
            given["ca_file"] = self.certificate
        return build_sink(read_options(given, "sink"))


class SyslogTls(SyslogStream):
    protocol = "tls"


class SyslogDatagrams(SyslogStream):
    protocol = "udp"
    _transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        taker = _Taker(self.take)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: taker, local_addr=("127.0.0.1", self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
            await asyncio.sleep(0)


class _Taker(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._take(data)


class Pipe(_Base):
    """The reader of standard output; while `answering` is cleared the pipe fills up."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ends: tuple[int, int] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._ends is None:
            self._ends = os.pipe()
            self._reading = asyncio.create_task(self._read(self._ends[0]))

    async def stop(self) -> None:
        if self._ends is not None and self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            for end in self._ends:
                os.close(end)
            self._ends = None

    def sink(self, **options: Any) -> AuditSink:
        assert self._ends is not None
        return Stdout(StdoutOptions.model_validate({"type": "stdout", **options}), self._ends[1])

    async def _read(self, end: int) -> None:
        loop, text = asyncio.get_running_loop(), b""
        while True:
            ready = asyncio.Event()
            loop.add_reader(end, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(end)
            await self.answering.wait()
            *lines, text = (text + os.read(end, 65536)).split(b"\n")
            for line in lines:
                # A line of a crashed writer has no end; the next writer begins a new one.
                with suppress(ValueError):
                    self.batches.append([json.loads(line)])
