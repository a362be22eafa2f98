"""The definitions of all tables."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import (
    DEFAULT_IN_FLIGHT,
    ArgumentPolicy,
    Broadcast,
    Isolation,
    McpStatus,
    Pin,
    Sessions,
)
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.issuers import Algorithm, KeySource
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.scim_resources import ScimKind
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.approval_requests import RequestKind, RequestStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.limits import LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.storage.audit_tables import audit_events
from ambassador_server.storage.columns import optional_text, owner_column, required_text
from ambassador_server.storage.credential_tables import user_credentials
from ambassador_server.storage.types import (
    CodePointText,
    EnumText,
    JsonDocument,
    NeedsDocument,
    SharedText,
    SharedTexts,
    TextTuple,
    TransformsDocument,
    UtcDateTime,
)

(metadata,) = {each.metadata for each in (audit_events, user_credentials)}
"""All tables, also those of `audit_tables` and `credential_tables`."""

users = Table(
    "users",
    metadata,
    Column("user_id", SharedText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    required_text("display_name"),
    optional_text("email"),
    Column("status", EnumText(UserStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("roles", TextTuple(Role), nullable=False),
    Column("source", EnumText(AuthSource), nullable=False),
    Column("owner", SharedText),
    # Versions before this column write none.
    Column("meta_tools", EnumText(MetaTools), nullable=False, server_default=MetaTools.OFF),
    Column("issuer", SharedText),
    optional_text("subject"),
    Column("provisioner", SharedText),
    Column("held", Boolean, nullable=False, server_default=false()),
    Index(None, "email"),
)

passwords = Table(
    "passwords",
    metadata,
    owner_column("user_id", "users.user_id", primary_key=True),
    required_text("hash"),
    Column("changed_at", UtcDateTime, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", SharedText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    required_text("description"),
    Column("status", EnumText(GroupStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("owner", SharedText),
    Column("provisioner", SharedText),
)

memberships = Table(
    "memberships",
    metadata,
    owner_column("user_id", "users.user_id", primary_key=True),
    owner_column("group_id", "groups.group_id", primary_key=True),
    Column("owner", SharedText),
    Index(None, "group_id"),
)

client_keys = Table(
    "client_keys",
    metadata,
    Column("key_id", CodePointText, primary_key=True),
    owner_column("user_id", "users.user_id"),
    required_text("name"),
    required_text("prefix"),
    Column("digest", LargeBinary, nullable=False),
    Column("status", EnumText(KeyStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    optional_text("last_host"),
    Column("owner", SharedText),
    optional_text("replaces"),
    Column("meta_tools", EnumText(MetaTools), nullable=False, server_default=MetaTools.INHERIT),
    Column("issuer_id", SharedText),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("enrolment_id", CodePointText, primary_key=True),
    owner_column("user_id", "users.user_id"),
    required_text("key_name"),
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
    required_text("display_name"),
    required_text("description"),
    required_text("transport"),
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
    Column("prefixed", Boolean, nullable=False, server_default=true()),
    Column("sessions", EnumText(Sessions), nullable=False, server_default=Sessions.AUTO),
    Column("credentials", NeedsDocument),
    Column("transforms", TransformsDocument),
    Column("max_in_flight", BigInteger, nullable=False, server_default=text(str(DEFAULT_IN_FLIGHT))),
    Column("breaker_failures", BigInteger, nullable=False, server_default=text("0")),
    Column("grace_seconds", Double, nullable=False, server_default=text("0")),
    Column("broadcast", EnumText(Broadcast), nullable=False, server_default=Broadcast.OFF),
)

last_known_tools = Table(
    "last_known_tools",
    metadata,
    owner_column("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("document", JsonDocument, nullable=False),
)

approved_tools = Table(
    "approved_tools",
    metadata,
    owner_column("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("digests", SharedTexts, nullable=False),
    Column("approved_at", UtcDateTime, nullable=False),
    Column("approved_by", SharedText, nullable=False),
)

approved_definitions = Table(
    "approved_definitions",
    metadata,
    owner_column("mcp_id", "mcps.mcp_id", primary_key=True),
    Column("document", JsonDocument, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", CodePointText, primary_key=True),
    owner_column("group_id", "groups.group_id", nullable=True),
    owner_column("mcp_id", "mcps.mcp_id"),
    Column("patterns", TextTuple, nullable=False),
    Column("effect", EnumText(Effect), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", SharedText, nullable=False),
    Column("delivery", EnumText(Delivery), nullable=False),
    Column("owner", SharedText),
    Column("resources", TextTuple),
    Column("prompts", TextTuple),
    Column("constraints", SharedText),
    Column("approval_seconds", BigInteger),
    Column("approvers", SharedText),
    owner_column("user_id", "users.user_id", nullable=True),
    optional_text("request_id"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", CodePointText, primary_key=True),
    owner_column("key_id", "client_keys.key_id"),
    owner_column("mcp_id", "mcps.mcp_id"),
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
    optional_text("target"),
    optional_text("target_name"),
    required_text("reason"),
    optional_text("message"),
    required_text("author"),
    Column("drill", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("lifted_at", UtcDateTime),
    optional_text("lifted_by"),
)

limits = Table(
    "limits",
    metadata,
    Column("limit_id", CodePointText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    Column("scope", EnumText(LimitScope), nullable=False),
    optional_text("target"),
    optional_text("target_name"),
    Column("measure", EnumText(Measure), nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("burst", BigInteger),
    optional_text("owner"),
    Column("created_at", UtcDateTime, nullable=False),
    required_text("created_by"),
    Column("updated_at", UtcDateTime, nullable=False),
)

issuers = Table(
    "issuers",
    metadata,
    Column("issuer_id", CodePointText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    required_text("url"),
    Column("audiences", TextTuple(), nullable=False),
    Column("algorithms", TextTuple(Algorithm), nullable=False),
    Column("key_source", EnumText(KeySource), nullable=False),
    optional_text("key_place"),
    Column("private_addresses", Boolean, nullable=False),
    required_text("subject_claim"),
    Column("user_claims", TextTuple(), nullable=False),
    required_text("email_claim"),
    Column("group_claims", TextTuple(), nullable=False),
    required_text("group_prefix"),
    Column("group_map", JsonDocument, nullable=False),
    Column("scopes", TextTuple(), nullable=False),
    Column("creates_users", Boolean, nullable=False),
    optional_text("owner"),
    Column("created_at", UtcDateTime, nullable=False),
    required_text("created_by"),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("beside_key", Boolean, nullable=False, server_default=false()),
    Column("revoked", TextTuple(), nullable=False, server_default="[]"),
    optional_text("client_id"),
    optional_text("client_secret"),
    Column("token_prefix", CodePointText, nullable=False, server_default=""),
    Column("assertion_clients", JsonDocument, nullable=False, server_default="{}"),
    optional_text("login_client_id"),
    Column("login_scopes", TextTuple(), nullable=False, server_default="[]"),
    optional_text("host_client_id"),
    optional_text("host_client_secret"),
    Column("host_redirects", TextTuple(), nullable=False, server_default="[]"),
    Column("host_scopes", TextTuple(), nullable=False, server_default="[]"),
    Column("host_omits_resource", Boolean, nullable=False, server_default=false()),
)

approval_requests = Table(
    "approval_requests",
    metadata,
    Column("request_id", CodePointText, primary_key=True),
    Column("kind", EnumText(RequestKind), nullable=False),
    owner_column("user_id", "users.user_id"),
    owner_column("mcp_id", "mcps.mcp_id", nullable=True),
    Column("content", JsonDocument, nullable=False),
    Column("valid_seconds", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("status", EnumText(RequestStatus), nullable=False),
    optional_text("key_id"),
    Column("capability_kind", EnumText(CapabilityKind)),
    optional_text("capability"),
    optional_text("digest"),
    optional_text("basis"),
    optional_text("approvers"),
    optional_text("grant_id"),
    optional_text("reason"),
    Column("decided_at", UtcDateTime),
    optional_text("decided_by"),
    optional_text("decision_reason"),
    Column("used_at", UtcDateTime),
    Column("rounds", BigInteger, nullable=False),
    Index(None, "status", "expires_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", CodePointText, primary_key=True),
    required_text("connection_id"),
    owner_column("user_id", "users.user_id"),
    owner_column("key_id", "client_keys.key_id"),
    Column("token_digest", LargeBinary, nullable=False),
    required_text("friendly_name"),
    required_text("host_tool"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("lifetime_ends_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    optional_text("end_reason"),
    Index(None, "ended_at", "expires_at"),
)

admin_keys = Table(
    "admin_keys",
    metadata,
    Column("admin_key_id", CodePointText, primary_key=True),
    Column("name", CodePointText, nullable=False, unique=True),
    required_text("prefix"),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", TextTuple(Role), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("user_id", CodePointText, ForeignKey("users.user_id", ondelete="CASCADE"), index=True),
    Column("created_by", SharedText, nullable=False),
    Column("issuer_id", SharedText),
    Index(None, "prefix"),
)

scim_resources = Table(
    "scim_resources",
    metadata,
    Column("resource_id", CodePointText, primary_key=True),
    owner_column("issuer_id", "issuers.issuer_id"),
    Column("kind", EnumText(ScimKind), nullable=False),
    Column("name_key", CodePointText, nullable=False),
    Column("external_id", CodePointText),
    Column("active", Boolean, nullable=False),
    Column("document", JsonDocument, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("issuer_id", "kind", "name_key"),
    Index(None, "issuer_id", "kind", "external_id"),
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
    required_text("kind"),
    required_text("item_id"),
)
