"""Constraints of grants for the arguments of tools."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0008_argument_constraints"
down_revision = "0007_connections"


def upgrade() -> None:
    """Create the column."""
    op.add_column("grants", sa.Column("constraints", CodePointText))
