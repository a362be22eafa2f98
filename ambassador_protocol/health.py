"""Bodies of the health probes, on both listeners."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """`GET /health` and `GET /live`."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditIndexLag:
    """How far the index of the audit is behind the log."""

    behind_records: int
    behind_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFaults:
    """Counts of one API since the start: connections refused, and those cut off.

    A connection is cut off when its client does not read its answers or does not finish the TLS handshake.
    """

    refused: int
    cut_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`GET /ready`: `checks` holds every condition by name; `ready` means that all are true.

    An index that is behind does not make a server unready, and neither do `connections`, by API. `gateway` tells
    whether the API gateway can prove itself, null if none is configured: other ways in do not need it.
    """

    status: Literal["ready", "not_ready"]
    checks: dict[str, bool]
    audit_index: AuditIndexLag
    connections: dict[Literal["client", "admin", "gateway"], ConnectionFaults]
    gateway: bool | None = None
