"""Bodies of what a server tells of itself."""

from dataclasses import dataclass
from typing import Any


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
    """`GET /v1/admin/server/config`: every setting in force; no secret is among them."""

    settings: list[SettingView]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkView:
    """How one audit sink is doing; `state` is delivering or failing, and `failures` counts those in a row.

    `positions` are the last delivered sequence numbers by audit writer; `behind` is how many records wait, up to
    100000, null when that cannot be told; `delivered` and `dead_letters` count since the server started.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """`GET /v1/admin/server/health`: whether calls are served, and the audit sinks, which have no say in that."""

    status: str
    checks: dict[str, bool]
    sinks: list[SinkView]
