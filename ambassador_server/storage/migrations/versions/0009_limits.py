"""The limits of calls."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0009_limits"
down_revision = "0008_argument_constraints"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "limits",
        sa.Column("limit_id", CodePointText, primary_key=True),
        sa.Column("name", CodePointText, nullable=False),
        sa.Column("scope", CodePointText, nullable=False),
        sa.Column("target", CodePointText),
        sa.Column("target_name", CodePointText),
        sa.Column("measure", CodePointText, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("burst", sa.BigInteger),
        sa.Column("owner", CodePointText),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", CodePointText, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("name", name="uq_limits_name"),
    )
