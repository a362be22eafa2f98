"""The definitions of all tables."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    true,
)

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Isolation, McpStatus, Pin, Sessions
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.storage.types import (
    AutoIncrementKey,
    CodePointText,
    EnumText,
    JsonDocument,
    NeedsDocument,
    SharedText,
    SharedTexts,
    TextTuple,
    UtcDateTime,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, CodePointText, nullable=False)


def _optional_text(name: str) -> Column[str]:
    return Column(name, CodePointText)


def _owner(name: str, column: str, *, primary_key: bool = False) -> Column[str]:
    owner = ForeignKey(column, ondelete="CASCADE")
    return Column(name, SharedText, owner, primary_key=primary_key, nullable=False, index=not primary_key)


users = Table(
    "users",
    metadata,
    Column("user_id", SharedText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    _text("display_name"),
    _optional_text("email"),
    Column("status", EnumText(UserStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("roles", TextTuple(Role), nullable=False),
    Column("source", EnumText(AuthSource), nullable=False),
    Column("owner", SharedText),
)

passwords = Table(
    "passwords",
    metadata,
    _owner("user_id", "users.user_id", primary_key=True),
    _text("hash"),
    Column("changed_at", UtcDateTime, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", SharedText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    _text("description"),
    Column("status", EnumText(GroupStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("owner", SharedText),
)

memberships = Table(
    "memberships",
    metadata,
    _owner("user_id", "users.user_id", primary_key=True),
    _owner("group_id", "groups.group_id", primary_key=True),
    Column("owner", SharedText),
    Index(None, "group_id"),
)

client_keys = Table(
    "client_keys",
    metadata,
    Column("key_id", CodePointText, primary_key=True),
    _owner("user_id", "users.user_id"),
    _text("name"),
    _text("prefix"),
    Column("digest", LargeBinary, nullable=False),
    Column("status", EnumText(KeyStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    _optional_text("last_host"),
    Column("owner", SharedText),
    _optional_text("replaces"),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("enrolment_id", CodePointText, primary_key=True),
    _owner("user_id", "users.user_id"),
    _text("key_name"),
    Column("key_seconds", BigInteger),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", SharedText, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("redeemed_at", UtcDateTime),
    UniqueConstraint("digest"),
)

mcps = Table(
    "mcps",
    metadata,
    Column("mcp_id", SharedText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    _text("display_name"),
    _text("description"),
    _text("transport"),
    Column("options", JsonDocument, nullable=False),
    Column("tags", TextTuple, nullable=False),
    Column("status", EnumText(McpStatus), nullable=False),
    Column("arguments", EnumText(ArgumentPolicy), nullable=False),
    Column("call_timeout_seconds", Double, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("isolation", EnumText(Isolation), nullable=False),
    Column("owner", SharedText),
    # Versions before this column write none, and their entries are pinned as well.
    Column("pin", EnumText(Pin), nullable=False, server_default=Pin.BLOCK),
    # Likewise.
    Column("prefixed", Boolean, nullable=False, server_default=true()),
    Column("sessions", EnumText(Sessions), nullable=False, server_default=Sessions.AUTO),
    Column("credentials", NeedsDocument),
)

last_known_tools = Table(
    "last_known_tools",
    metadata,
    _owner("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("document", JsonDocument, nullable=False),
)

approved_tools = Table(
    "approved_tools",
    metadata,
    _owner("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("digests", SharedTexts, nullable=False),
    Column("approved_at", UtcDateTime, nullable=False),
    Column("approved_by", SharedText, nullable=False),
)

approved_definitions = Table(
    "approved_definitions",
    metadata,
    _owner("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("document", JsonDocument, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", CodePointText, primary_key=True),
    _owner("group_id", "groups.group_id"),
    _owner("mcp_id", "mcps.mcp_id"),
    Column("patterns", TextTuple, nullable=False),
    Column("effect", EnumText(Effect), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", SharedText, nullable=False),
    Column("delivery", EnumText(Delivery), nullable=False),
    Column("owner", SharedText),
    Column("resources", TextTuple),
    Column("prompts", TextTuple),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", CodePointText, primary_key=True),
    _owner("key_id", "client_keys.key_id"),
    _owner("mcp_id", "mcps.mcp_id"),
    Column("patterns", TextTuple, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", SharedText, nullable=False),
    Column("resources", TextTuple),
    Column("prompts", TextTuple),
    UniqueConstraint("key_id", "mcp_id"),
)

kill_switches = Table(
    "kill_switches",
    metadata,
    Column("switch_id", CodePointText, primary_key=True),
    Column("scope", EnumText(SwitchScope), nullable=False),
    _optional_text("target"),
    _optional_text("target_name"),
    _text("reason"),
    _optional_text("message"),
    _text("author"),
    Column("drill", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("lifted_at", UtcDateTime),
    _optional_text("lifted_by"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", CodePointText, primary_key=True),
    _text("connection_id"),
    _owner("user_id", "users.user_id"),
    _owner("key_id", "client_keys.key_id"),
    Column("token_digest", LargeBinary, nullable=False),
    _text("friendly_name"),
    _text("host_tool"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("lifetime_ends_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    _optional_text("end_reason"),
    Index(None, "ended_at", "expires_at"),
)

user_credentials = Table(
    "user_credentials",
    metadata,
    Column("credential_id", CodePointText, primary_key=True),
    _owner("user_id", "users.user_id"),
    _owner("mcp_id", "mcps.mcp_id"),
    Column("fields", TextTuple, nullable=False),
    _text("generation"),
    Column("status", EnumText(CredentialStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("scopes", TextTuple, nullable=False),
    _optional_text("issuer"),
    UniqueConstraint("user_id", "mcp_id"),
)

credential_secrets = Table(
    "credential_secrets",
    metadata,
    Column(
        "credential_id",
        CodePointText,
        ForeignKey("user_credentials.credential_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("field", CodePointText, primary_key=True),
    Column("key_number", Integer, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("locked_until", UtcDateTime),
)

admin_keys = Table(
    "admin_keys",
    metadata,
    Column("admin_key_id", CodePointText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    _text("prefix"),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", TextTuple(Role), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("user_id", CodePointText, ForeignKey("users.user_id", ondelete="CASCADE"), index=True),
    Column("created_by", SharedText, nullable=False),
    Index(None, "prefix"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("cursor", AutoIncrementKey, Identity(always=True), primary_key=True),
    _text("writer"),
    Column("seq", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("action", EnumText(AuditAction), nullable=False),
    Column("outcome", EnumText(Outcome), nullable=False),
    Column("actor_kind", EnumText(ActorKind), nullable=False),
    _optional_text("actor_id"),
    _optional_text("actor_name"),
    _text("resource_kind"),
    _optional_text("resource_id"),
    _optional_text("resource_name"),
    _optional_text("reason"),
    _optional_text("request_id"),
    _optional_text("session_id"),
    _optional_text("source"),
    _text("digest"),
    _text("document"),
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
    _text("digest"),
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

policy_state = Table(
    "policy_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

policy_changes = Table(
    "policy_changes",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("kind"),
    _text("item_id"),
)
