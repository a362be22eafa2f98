"""Issuers that sign certificates: whether a key has to stand beside one, and which are revoked."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0018_certificates"
down_revision = "0017_issuers"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("issuers", sa.Column("beside_key", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("issuers", sa.Column("revoked", CodePointText, nullable=False, server_default="[]"))
