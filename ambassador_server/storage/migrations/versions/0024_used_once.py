"""One table of what may be used once, in the place of two."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0024_used_once"
down_revision = "0023_host_logins"


def upgrade() -> None:
    """Create the table with what the two held, so that nothing of that can be used again."""
    op.create_table(
        "used_once",
        sa.Column("use_id", CodePointText, primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_used_once_expires_at", "used_once", ["expires_at"])
    op.execute(
        "INSERT INTO used_once (use_id, expires_at) SELECT assertion_id, expires_at FROM used_assertions"
    )
    op.execute("INSERT INTO used_once (use_id, expires_at) SELECT sign_in_id, expires_at FROM used_sign_ins")
    op.drop_table("used_assertions")
    op.drop_table("used_sign_ins")
