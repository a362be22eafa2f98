"""Which tools of an MCP can be called together with those of other MCPs."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0015_broadcasts"
down_revision = "0014_connection_settings"


def upgrade() -> None:
    """Create the column."""
    op.add_column("mcps", sa.Column("broadcast", CodePointText, nullable=False, server_default="off"))
