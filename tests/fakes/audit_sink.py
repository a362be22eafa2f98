"""An audit sink in memory, with the order and the failures of real ones."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ambassador_server.audit_sinks.shared.record_json import encode_record
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import SinkRefusedError, SinkUnavailableError


class FakeReceiver:
    """A receiver of records with scripted behaviour; it outlives the sinks that deliver to it."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.is_up = True
        self.answering = asyncio.Event()
        self.answering.set()
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [one for batch in self.batches for one in batch]


class FakeSink:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, receiver: FakeReceiver, record_bytes: int) -> None:
        self._receiver = receiver
        self._record_bytes = record_bytes
        self.closed = False

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        receiver = self._receiver
        if not receiver.is_up:
            raise SinkUnavailableError("the receiver cannot be reached")
        batch = [msgspec.json.decode(encode_record(record, self._record_bytes)) for record in records]
        if any(receiver.refuses(one) for one in batch):
            raise SinkRefusedError("the receiver answers 400")
        receiver.batches.append(batch)
        await receiver.answering.wait()

    async def close(self) -> None:
        self.closed = True
