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
class Readiness:
    """`GET /ready`: `checks` holds every condition by name; `ready` means that all are true.

    An index that is behind does not make a server unready.
    """

    status: Literal["ready", "not_ready"]
    checks: dict[str, bool]
    audit_index: AuditIndexLag
