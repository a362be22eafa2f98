"""The definitions of the tables of the audit: the index of its log, and how far what follows the log has come."""

from sqlalchemy import BigInteger, Column, Identity, Index, Table, UniqueConstraint

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.storage.columns import metadata, optional_text, required_text
from ambassador_server.storage.types import AutoIncrementKey, CodePointText, EnumText, UtcDateTime

audit_events = Table(
    "audit_events",
    metadata,
    Column("cursor", AutoIncrementKey, Identity(always=True), primary_key=True),
    required_text("writer"),
    Column("seq", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("action", EnumText(AuditAction), nullable=False),
    Column("outcome", EnumText(Outcome), nullable=False),
    Column("actor_kind", EnumText(ActorKind), nullable=False),
    optional_text("actor_id"),
    optional_text("actor_name"),
    required_text("resource_kind"),
    optional_text("resource_id"),
    optional_text("resource_name"),
    optional_text("reason"),
    optional_text("request_id"),
    optional_text("session_id"),
    optional_text("source"),
    required_text("digest"),
    required_text("document"),
    UniqueConstraint("writer", "seq"),
    # Pages are read in the order of the cursor and limited by time, so an index answers each filter alone.
    Index(None, "at", "cursor"),
    Index(None, "cursor", "at"),
    Index(None, "action", "cursor", "at"),
    Index(None, "outcome", "cursor", "at"),
    Index(None, "actor_name", "cursor", "at"),
    # A filter for tools has a name and the kind `tool`, so this index holds the kind as well.
    Index(None, "resource_name", "cursor", "at", "resource_kind"),
    Index(None, "resource_kind", "cursor", "at"),
    Index(None, "reason", "cursor", "at"),
    Index(None, "request_id", "cursor", "at"),
    Index(None, "session_id", "cursor", "at"),
    Index(None, "source", "cursor", "at"),
    sqlite_autoincrement=True,
)

audit_positions = Table(
    "audit_positions",
    metadata,
    Column("writer", CodePointText, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("writer", CodePointText, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    required_text("digest"),
    Column("segment", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

audit_sink_positions = Table(
    "audit_sink_positions",
    metadata,
    Column("node", CodePointText, primary_key=True),
    Column("sink", CodePointText, primary_key=True),
    Column("writer", CodePointText, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
