"""Bodies of `/v1/admin/audit`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import ActorKind, AuditAction, Outcome
from ambassador_protocol.admin.grants import GrantView
from ambassador_protocol.admin.strict import STRICT
from ambassador_protocol.admin.switches import SwitchView
from ambassador_protocol.audit.results import WriterVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """Who did it, with the names of that moment."""

    kind: ActorKind
    id: str | None
    name: str | None
    key_id: str | None
    key_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """The object it was done to, with its name at that moment."""

    kind: str
    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLagView:
    """How much of the log an answer lacks: about how many records, since how long, and the time of the newest it knows.

    Both numbers are 0 for a complete answer. `indexed_until` is null while nothing was copied since the server started.
    """

    behind_records: int
    behind_seconds: float
    indexed_until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event; `id` never changes, `cursor` is its position in the index."""

    id: str
    cursor: int
    writer: str
    seq: int
    digest: str
    at: str
    action: AuditAction
    outcome: Outcome
    actor: ActorView
    resource: ResourceView
    reason: str | None
    request_id: str | None
    session_id: str | None
    source: str | None
    details: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """`GET /v1/admin/audit/events`: events, the cursor of the next page, and how much of the log the index lacks."""

    items: list[EventView]
    next_cursor: str | None
    index: IndexLagView
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """Everything recorded of one request.

    `decision` is permit or deny, None for a request that is not a call; `open` is true for a call without an outcome.
    `milliseconds` is the time the downstream took. `grant` and `switch` hold the rule that decided as it is now; once
    it is deleted only `grant_id` or `switch_id` is set.
    """

    request_id: str | None
    at: str
    action: AuditAction
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
    index: IndexLagView


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """The number of events with a value; `value` None counts those without one.

    Counted by hour, `value` is the beginning of the hour, and `denied` how many of the events were denied.
    """

    value: str | None
    count: int
    denied: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsView:
    """Events counted by one word of the query language or by hour; `other` is the sum of all values not listed.

    A call counts once, with the event that ends it, unless the query finds only its attempt.
    """

    by: str
    values: list[CountView]
    other: int
    total: int
    index: IndexLagView


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """`POST /v1/admin/audit/prune`: removes older records from the log's segments, from the index, or from both."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    older_than_seconds: int
    segments: bool = True
    index: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningView:
    """What was removed; `first_seq`, `last_seq` and `head` are null when no whole segment was old enough."""

    before: str
    segments: int
    first_seq: int | None
    last_seq: int | None
    head: str | None
    indexed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterFinding(WriterVerification):
    """The result of verifying one writer; `fault` also has the member `place`, the fault as a sentence."""

    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeyView:
    """A public key that checkpoints are signed with; `signs` is true for the current one."""

    id: str
    signs: bool
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFileView:
    """A file of the audit log, up to its last whole line; only one that is not `closed` still grows."""

    writer: str
    name: str
    size: int
    closed: bool
