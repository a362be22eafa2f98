"""The approved tool definitions of each MCP, and whether others may be used."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, JsonDocument, UtcDateTime

revision = "0004_approved_tools"
down_revision = "0003_audit_sink_positions"


def upgrade() -> None:
    """Create the column and the tables."""
    op.add_column("mcps", sa.Column("pin", CodePointText, nullable=False, server_default="block"))
    op.create_table(
        "approved_tools",
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_approved_tools_mcp_id"),
            primary_key=True,
        ),
        sa.Column("digests", JsonDocument, nullable=False),
        sa.Column("approved_at", UtcDateTime, nullable=False),
        sa.Column("approved_by", CodePointText, nullable=False),
    )
    op.create_table(
        "approved_definitions",
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_approved_definitions_mcp_id"),
            primary_key=True,
        ),
        sa.Column("document", JsonDocument, nullable=False),
    )
