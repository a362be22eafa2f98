"""How this server asks issuers about opaque tokens."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0019_introspection"
down_revision = "0018_certificates"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("issuers", sa.Column("client_id", CodePointText))
    op.add_column("issuers", sa.Column("client_secret", CodePointText))
    op.add_column("issuers", sa.Column("token_prefix", CodePointText, nullable=False, server_default=""))
