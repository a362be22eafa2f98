"""The transforms of the tools of an MCP."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0011_transforms"
down_revision = "0009_limits"


def upgrade() -> None:
    """Create the column."""
    op.add_column("mcps", sa.Column("transforms", CodePointText))
