"""Approvals of calls: what grants demand, and the requests."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0012_approvals"
down_revision = "0011_transforms"


def upgrade() -> None:
    """Create the columns and the table."""
    op.add_column("grants", sa.Column("approval_seconds", sa.BigInteger))
    op.add_column("grants", sa.Column("approvers", CodePointText))
    op.create_table(
        "approval_requests",
        sa.Column("request_id", CodePointText, primary_key=True),
        sa.Column("kind", CodePointText, nullable=False),
        sa.Column(
            "user_id",
            CodePointText,
            sa.ForeignKey("users.user_id", ondelete="CASCADE", name="fk_approval_requests_user_id"),
            nullable=False,
        ),
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_approval_requests_mcp_id"),
        ),
        sa.Column("content", CodePointText, nullable=False),
        sa.Column("valid_seconds", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("status", CodePointText, nullable=False),
        sa.Column("key_id", CodePointText),
        sa.Column("capability_kind", CodePointText),
        sa.Column("capability", CodePointText),
        sa.Column("digest", CodePointText),
        sa.Column("basis", CodePointText),
        sa.Column("approvers", CodePointText),
        sa.Column("grant_id", CodePointText),
        sa.Column("reason", CodePointText),
        sa.Column("decided_at", UtcDateTime),
        sa.Column("decided_by", CodePointText),
        sa.Column("decision_reason", CodePointText),
        sa.Column("used_at", UtcDateTime),
        sa.Column("rounds", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_approval_requests_user_id", "approval_requests", ["user_id"])
    op.create_index("ix_approval_requests_mcp_id", "approval_requests", ["mcp_id"])
    op.create_index("ix_approval_requests_status_expires_at", "approval_requests", ["status", "expires_at"])
