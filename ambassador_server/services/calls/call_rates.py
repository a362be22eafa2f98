"""What bounds the calls of a client key."""

from typing import Final

from msgspec import Struct

from ambassador_server.ports.throttle import Rate, RateRefusal

_RECORD_BYTES: Final = 2048
"""About what the records of a call take in the log without its arguments."""


class CallRates(Struct, frozen=True):
    """The rates of a client key, of calls and of the bytes they add to the audit log."""

    calls: Rate
    audit_bytes: Rate

    def take(self, key_id: str, name: str, arguments: bytes) -> RateRefusal | None:
        """Count a call, or return the refusal if its key has to wait."""
        size = _RECORD_BYTES + 2 * len(name) + len(arguments)
        return self.calls.take(key_id) or self.audit_bytes.take(key_id, size)
