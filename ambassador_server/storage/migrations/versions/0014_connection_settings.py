"""How many calls a connection to an MCP may have, and when one that fails is given up."""

import sqlalchemy as sa
from alembic import op

revision = "0014_connection_settings"
down_revision = "0013_grants_for_one_user"


def upgrade() -> None:
    """Create the columns; the entries so far keep the bound that all had, and the settings of the server."""
    for name, kind, value in (
        ("max_in_flight", sa.BigInteger, "256"),
        ("breaker_failures", sa.BigInteger, "0"),
        ("grace_seconds", sa.Double, "0"),
    ):
        op.add_column("mcps", sa.Column(name, kind, nullable=False, server_default=sa.text(value)))
