"""Clients that may exchange identity assertions for tokens of this server, and the assertions that were used."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0021_identity_assertions"
down_revision = "0020_scim"


def upgrade() -> None:
    """Create the column and the table; so far no client may."""
    op.add_column(
        "issuers", sa.Column("assertion_clients", CodePointText, nullable=False, server_default="{}")
    )
    op.create_table(
        "used_assertions",
        sa.Column("assertion_id", CodePointText, primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_used_assertions_expires_at", "used_assertions", ["expires_at"])
