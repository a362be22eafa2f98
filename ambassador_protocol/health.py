"""Bodies of the health probes, on both listeners."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """`GET /health` and `GET /live`."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`GET /ready`: `checks` holds every condition by name; `ready` means that all are true."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, bool]
