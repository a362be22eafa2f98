"""Logins of hosts through this server: its client at an issuer, and where hosts may be."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText

revision = "0023_host_logins"
down_revision = "0022_sign_in"


def upgrade() -> None:
    """Create the columns; so far no host logs in through this server."""
    op.add_column("issuers", sa.Column("host_client_id", CodePointText))
    op.add_column("issuers", sa.Column("host_client_secret", CodePointText))
    op.add_column("issuers", sa.Column("host_redirects", CodePointText, nullable=False, server_default="[]"))
    op.add_column("issuers", sa.Column("host_scopes", CodePointText, nullable=False, server_default="[]"))
    op.add_column(
        "issuers",
        sa.Column("host_omits_resource", sa.Boolean, nullable=False, server_default=sa.false()),
    )
