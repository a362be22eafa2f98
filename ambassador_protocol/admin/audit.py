"""Bodies of `/v1/admin/audit`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import ActorKind, Outcome
from ambassador_protocol.admin.grants import GrantView
from ambassador_protocol.admin.strict import STRICT
from ambassador_protocol.admin.switches import SwitchView
from ambassador_protocol.audit.verify import WriterVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """Who did it, with names as they were at that moment."""

    kind: ActorKind
    id: str | None
    name: str | None
    key_id: str | None
    key_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """What it was done to."""

    kind: str
    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event; `id` names it for ever, `cursor` says where the index has it."""

    id: str
    cursor: int
    writer: str
    seq: int
    digest: str
    at: str
    action: str
    outcome: Outcome
    actor: ActorView
    resource: ResourceView
    reason: str | None
    request_id: str | None
    session_id: str | None
    source: str | None
    details: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """Everything recorded of one request.

    `decision` is permit or deny, None for what is no call; `open` means a call without an outcome yet. `milliseconds`
    is how long the downstream took. The rule that decided is shown as it is now, or by its id alone once it is gone.
    """

    request_id: str | None
    at: str
    action: str
    actor: ActorView
    resource: ResourceView
    session_id: str | None
    source: str | None
    decision: str | None
    outcome: str
    reason: str | None
    open: bool
    milliseconds: float | None
    grant_id: str | None
    grant: GrantView | None
    switch_id: str | None
    switch: SwitchView | None
    events: list[EventView]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """How many events have a value; None where it is not set."""

    value: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsView:
    """Events counted by a word of the query language: the most frequent values, all others together, and all."""

    by: str
    values: list[CountView]
    other: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """`POST /v1/admin/audit/prune`: what is older goes, from the segments of the log, from the index, or from both."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    older_than_seconds: int
    segments: bool = True
    index: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningView:
    """What is gone; the four facts about the log are null when no whole segment was old enough."""

    before: str
    segments: int
    first_seq: int | None
    last_seq: int | None
    head: str | None
    indexed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterFinding(WriterVerification):
    """What was found of one writer; the fault of a broken one has its `place` in words besides."""

    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeyView:
    """A public key that checkpoints are signed with; `signs` marks the one that does so now."""

    id: str
    signs: bool
    pem: str
