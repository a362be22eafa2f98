"""Patterns of resources and prompts, and how an MCP publishes names and shares sessions."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0005_resources_and_prompts"
down_revision = "0004_approved_tools"


def upgrade() -> None:
    """Create the columns."""
    for table in ("grants", "subscriptions"):
        op.add_column(table, sa.Column("resources", CodePointText))
        op.add_column(table, sa.Column("prompts", CodePointText))
    op.add_column("mcps", sa.Column("prefixed", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("mcps", sa.Column("sessions", CodePointText, nullable=False, server_default="auto"))
