"""Sign-in with an issuer: its login client, what keys and logins came from it, and which ID tokens were used."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0022_sign_in"
down_revision = "0021_identity_assertions"


def upgrade() -> None:
    """Create the table and the columns."""
    op.add_column("issuers", sa.Column("login_client_id", CodePointText))
    op.add_column("issuers", sa.Column("login_scopes", CodePointText, nullable=False, server_default="[]"))
    op.add_column("client_keys", sa.Column("issuer_id", CodePointText))
    op.create_table(
        "used_sign_ins",
        sa.Column("sign_in_id", CodePointText, primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
