"""How far each audit sink of each server has read the logs."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0003_audit_sink_positions"
down_revision = "0002_audit_anchors"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "audit_sink_positions",
        sa.Column("node", CodePointText, primary_key=True),
        sa.Column("sink", CodePointText, primary_key=True),
        sa.Column("writer", CodePointText, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
