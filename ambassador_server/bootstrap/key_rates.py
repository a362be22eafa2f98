"""The rates that bound each client key, under the names of their settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ambassador_server.config import ServerConfig
from ambassador_server.ports.clock import Clock
from ambassador_server.throttling.key_rates import KeyRate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRates:
    """The rates of calls, of the bytes that these add to the audit, and of new sessions."""

    calls: KeyRate
    audit_bytes: KeyRate
    sessions: KeyRate

    @classmethod
    def of(cls, config: ServerConfig, clock: Clock) -> Self:
        """Return the rates of this configuration."""
        limits, now = config.limits, clock.monotonic
        return cls(
            calls=KeyRate(limits.calls_per_minute, now),
            audit_bytes=KeyRate(limits.audit_bytes_per_minute, now),
            sessions=KeyRate(limits.sessions_per_minute, now),
        )

    def refusals(self) -> Mapping[str, int]:
        """Return how often each rate has refused something."""
        return {
            "calls_per_minute": self.calls.refused,
            "audit_bytes_per_minute": self.audit_bytes.refused,
            "sessions_per_minute": self.sessions.refused,
        }
