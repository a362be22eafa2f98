"""Bodies of `/v1/admin/server`."""

from dataclasses import dataclass
from typing import Any, Literal

from ambassador_protocol.health import ConnectionFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting of the running server, by its dotted name.

    `origin` is default, file, environment or flag; `source` is the file's path, the variable or the flag.
    """

    name: str
    value: Any
    origin: str
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfiguration:
    """`GET /v1/admin/server/config`: the settings in force, without secrets."""

    settings: list[SettingView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkView:
    """The state of one audit sink: `state` is delivering or failing, `failures` counts consecutive failures.

    `positions` holds the last delivered sequence number of each audit writer. `behind` is the number of records not yet
    delivered, at most 100000, null when it is unknown. `delivered` and `dead_letters` count since the server started.
    `anomaly` says how the position file differed from the database when the server started.
    """

    name: str
    type: str
    state: str
    behind: int | None
    positions: dict[str, int]
    delivered: int
    dead_letters: int
    failures: int
    last_success: str | None
    last_error: str | None
    last_error_at: str | None
    anomaly: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxView:
    """A sandbox for MCPs over stdio: `is_default` holds those that choose none, `detail` says what it holds back.

    Where it is not available, `detail` says why.
    """

    kind: str
    available: bool
    is_default: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditIndexView:
    """How far the index of the audit is behind the log, and what copies it.

    `runner` is `process`, a process of its own, or `server`, the server itself while there is no such process.
    `behind_records` counts lines of the log. `restarts` counts how often the process was started again, `failure` says
    what hinders it now. `indexed_until` is the time of the newest record that was copied since the server started.
    """

    runner: str
    behind_records: int
    behind_seconds: float
    indexed_until: str | None
    restarts: int
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """`GET /v1/admin/server/health`: the conditions of readiness.

    The audit sinks, the index of the audit, the connections that each API refused or cut off, the sandboxes that the
    server's machine offers, and the tools that wait for an approval, counted by MCP, do not affect it.
    """

    status: str
    checks: dict[str, bool]
    sinks: list[SinkView]
    audit_index: AuditIndexView
    connections: dict[Literal["client", "admin", "gateway"], ConnectionFaults]
    sandboxes: list[SandboxView]
    waiting_tools: dict[str, int]
