"""Issuers whose tokens are believed, and the users that belong to them."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0017_issuers"
down_revision = "0016_meta_tools"


def upgrade() -> None:
    """Create the table and the columns."""
    op.create_table(
        "issuers",
        sa.Column("issuer_id", CodePointText, primary_key=True),
        sa.Column("name", CodePointText, nullable=False),
        sa.Column("url", CodePointText, nullable=False),
        sa.Column("audiences", CodePointText, nullable=False),
        sa.Column("algorithms", CodePointText, nullable=False),
        sa.Column("key_source", CodePointText, nullable=False),
        sa.Column("key_place", CodePointText),
        sa.Column("private_addresses", sa.Boolean, nullable=False),
        sa.Column("subject_claim", CodePointText, nullable=False),
        sa.Column("user_claims", CodePointText, nullable=False),
        sa.Column("email_claim", CodePointText, nullable=False),
        sa.Column("group_claims", CodePointText, nullable=False),
        sa.Column("group_prefix", CodePointText, nullable=False),
        sa.Column("group_map", CodePointText, nullable=False),
        sa.Column("scopes", CodePointText, nullable=False),
        sa.Column("creates_users", sa.Boolean, nullable=False),
        sa.Column("owner", CodePointText),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", CodePointText, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("name", name="uq_issuers_name"),
    )
    op.add_column("users", sa.Column("issuer", CodePointText))
    op.add_column("users", sa.Column("subject", CodePointText))
