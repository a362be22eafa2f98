"""The first schema.

A step is history: it names types by what the database sees, and is never edited once released.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import AutoIncrementKey, CodePointText, UtcDateTime

revision = "0001_initial"
down_revision = None


def upgrade() -> None:
    """Create every table, and the one row of the policy state."""
    _create_people()
    _create_keys()
    _create_catalog()
    _create_switches_and_admin_keys()
    _create_sessions()
    _create_audit()
    state = op.create_table(
        "policy_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "version": 0}])
    op.create_table(
        "policy_changes",
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_texts("kind", "item_id"),
    )


def _text(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, CodePointText, nullable=False, unique=unique)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [_text(name) for name in names]


def _optional_texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, CodePointText) for name in names]


def _times(*names: str, nullable: bool = False) -> list[sa.Column[datetime]]:
    return [sa.Column(name, UtcDateTime, nullable=nullable) for name in names]


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, CodePointText, primary_key=True)


def _owner(name: str, column: str, *, primary_key: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey(column, ondelete="CASCADE")
    return sa.Column(
        name, CodePointText, owner, primary_key=primary_key, nullable=False, index=not primary_key
    )


def _create_people() -> None:
    op.create_table(
        "users",
        _key("user_id"),
        _text("name", unique=True),
        _text("display_name"),
        *_optional_texts("email"),
        _text("status"),
        *_times("created_at", "updated_at"),
        *_texts("roles", "source"),
        *_optional_texts("owner"),
    )
    op.create_table(
        "passwords",
        _owner("user_id", "users.user_id", primary_key=True),
        _text("hash"),
        *_times("changed_at"),
    )
    op.create_table(
        "groups",
        _key("group_id"),
        _text("name", unique=True),
        *_texts("description", "status"),
        *_times("created_at", "updated_at"),
        *_optional_texts("owner"),
    )
    op.create_table(
        "memberships",
        _owner("user_id", "users.user_id", primary_key=True),
        _owner("group_id", "groups.group_id", primary_key=True),
        *_optional_texts("owner"),
    )
    op.create_index(None, "memberships", ["group_id"])


def _create_keys() -> None:
    op.create_table(
        "client_keys",
        _key("key_id"),
        _owner("user_id", "users.user_id"),
        *_texts("name", "prefix"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        _text("status"),
        *_times("created_at"),
        *_times("expires_at", "last_used_at", nullable=True),
        *_optional_texts("last_host", "owner", "replaces"),
    )
    op.create_table(
        "enrolments",
        _key("enrolment_id"),
        _owner("user_id", "users.user_id"),
        _text("key_name"),
        sa.Column("key_seconds", sa.BigInteger),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *_times("created_at"),
        _text("created_by"),
        *_times("expires_at"),
        *_times("redeemed_at", nullable=True),
        sa.UniqueConstraint("digest"),
    )


def _create_catalog() -> None:
    op.create_table(
        "mcps",
        _key("mcp_id"),
        _text("name", unique=True),
        *_texts("display_name", "description", "transport", "options", "tags", "status", "arguments"),
        sa.Column("call_timeout_seconds", sa.Double, nullable=False),
        *_times("created_at", "updated_at"),
        _text("isolation"),
        *_optional_texts("owner"),
    )
    op.create_table(
        "last_known_tools",
        _owner("mcp_id", "mcps.mcp_id", primary_key=True),
        _text("document"),
    )
    op.create_table(
        "grants",
        _key("grant_id"),
        _owner("group_id", "groups.group_id"),
        _owner("mcp_id", "mcps.mcp_id"),
        *_texts("patterns", "effect"),
        *_times("expires_at", nullable=True),
        *_times("created_at"),
        *_texts("created_by", "delivery"),
        *_optional_texts("owner"),
    )
    op.create_table(
        "subscriptions",
        _key("subscription_id"),
        _owner("key_id", "client_keys.key_id"),
        _owner("mcp_id", "mcps.mcp_id"),
        _text("patterns"),
        *_times("created_at"),
        _text("created_by"),
        sa.UniqueConstraint("key_id", "mcp_id"),
    )


def _create_switches_and_admin_keys() -> None:
    op.create_table(
        "kill_switches",
        _key("switch_id"),
        _text("scope"),
        *_optional_texts("target", "target_name"),
        _text("reason"),
        *_optional_texts("message"),
        _text("author"),
        sa.Column("drill", sa.Boolean, nullable=False),
        *_times("created_at"),
        *_times("expires_at", "lifted_at", nullable=True),
        *_optional_texts("lifted_by"),
    )
    op.create_table(
        "admin_keys",
        _key("admin_key_id"),
        _text("name", unique=True),
        _text("prefix"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        _text("roles"),
        *_times("created_at"),
        *_times("expires_at", "revoked_at", nullable=True),
        sa.Column("user_id", CodePointText, sa.ForeignKey("users.user_id", ondelete="CASCADE"), index=True),
        _text("created_by"),
    )
    op.create_index(None, "admin_keys", ["prefix"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        _key("session_id"),
        _text("connection_id"),
        _owner("user_id", "users.user_id"),
        _owner("key_id", "client_keys.key_id"),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        *_texts("friendly_name", "host_tool"),
        *_times("created_at", "expires_at", "lifetime_ends_at", "last_seen_at"),
        *_times("ended_at", nullable=True),
        *_optional_texts("end_reason"),
    )
    op.create_index(None, "sessions", ["ended_at", "expires_at"])


def _create_audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("cursor", AutoIncrementKey, sa.Identity(always=True), primary_key=True),
        _text("writer"),
        sa.Column("seq", sa.BigInteger, nullable=False),
        *_times("at"),
        *_texts("action", "outcome", "actor_kind"),
        *_optional_texts("actor_id", "actor_name"),
        _text("resource_kind"),
        *_optional_texts("resource_id", "resource_name", "reason", "request_id", "session_id", "source"),
        *_texts("digest", "document"),
        sa.UniqueConstraint("writer", "seq"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "audit_events", ["at", "cursor"])
    op.create_index(None, "audit_events", ["cursor", "at"])
    names = (
        "action",
        "outcome",
        "actor_name",
        "resource_kind",
        "reason",
        "request_id",
        "session_id",
        "source",
    )
    for column in names:
        op.create_index(None, "audit_events", [column, "cursor", "at"])
    op.create_index(None, "audit_events", ["resource_name", "cursor", "at", "resource_kind"])
    op.create_table(
        "audit_positions",
        _key("writer"),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in ("seq", "segment", "offset")],
    )
