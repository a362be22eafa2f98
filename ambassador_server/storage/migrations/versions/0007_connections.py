"""Registrations of this server at authorization servers, and the connections that users have begun."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0007_connections"
down_revision = "0006_credentials"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "oauth_clients",
        sa.Column("registration_id", CodePointText, primary_key=True),
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_oauth_clients_mcp_id"),
            nullable=False,
        ),
        sa.Column("issuer", CodePointText, nullable=False),
        sa.Column("key_number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("locked_until", UtcDateTime),
        sa.UniqueConstraint("mcp_id", "issuer", name="uq_oauth_clients_mcp_id_issuer"),
    )
    op.create_index("ix_oauth_clients_mcp_id", "oauth_clients", ["mcp_id"])
    op.create_table(
        "pending_connections",
        sa.Column("pending_id", CodePointText, primary_key=True),
        sa.Column(
            "user_id",
            CodePointText,
            sa.ForeignKey("users.user_id", ondelete="CASCADE", name="fk_pending_connections_user_id"),
            nullable=False,
        ),
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_pending_connections_mcp_id"),
            nullable=False,
        ),
        sa.Column("key_number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("state_digest", CodePointText),
        sa.Column("cookie_digest", CodePointText),
        sa.Column("code_digest", CodePointText),
        sa.Column("wrong_codes", sa.Integer, nullable=False),
        sa.UniqueConstraint("state_digest", name="uq_pending_connections_state_digest"),
    )
    op.create_index("ix_pending_connections_user_id", "pending_connections", ["user_id"])
    op.create_index("ix_pending_connections_mcp_id", "pending_connections", ["mcp_id"])
    op.create_index("ix_pending_connections_expires_at", "pending_connections", ["expires_at"])
