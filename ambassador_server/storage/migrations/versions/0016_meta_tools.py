"""Whether hosts get tools that search, describe and call instead of the tools themselves."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0016_meta_tools"
down_revision = "0015_broadcasts"


def upgrade() -> None:
    """Create the columns."""
    for table, default in (("users", "off"), ("client_keys", "inherit")):
        op.add_column(table, sa.Column("meta_tools", CodePointText, nullable=False, server_default=default))
