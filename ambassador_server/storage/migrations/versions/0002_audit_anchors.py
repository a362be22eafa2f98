"""The last checkpoint of each audit log."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0002_audit_anchors"
down_revision = "0001_initial"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "audit_anchors",
        sa.Column("writer", CodePointText, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", CodePointText, nullable=False),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
