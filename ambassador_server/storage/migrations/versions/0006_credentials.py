"""What credentials an MCP needs, and the credentials that users have given."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0006_credentials"
down_revision = "0005_resources_and_prompts"


def upgrade() -> None:
    """Create the column and the tables."""
    op.add_column("mcps", sa.Column("credentials", CodePointText))
    op.create_table(
        "user_credentials",
        sa.Column("credential_id", CodePointText, primary_key=True),
        sa.Column(
            "user_id",
            CodePointText,
            sa.ForeignKey("users.user_id", ondelete="CASCADE", name="fk_user_credentials_user_id"),
            nullable=False,
        ),
        sa.Column(
            "mcp_id",
            CodePointText,
            sa.ForeignKey("mcps.mcp_id", ondelete="CASCADE", name="fk_user_credentials_mcp_id"),
            nullable=False,
        ),
        sa.Column("fields", CodePointText, nullable=False),
        sa.Column("generation", CodePointText, nullable=False),
        sa.Column("status", CodePointText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("scopes", CodePointText, nullable=False),
        sa.Column("issuer", CodePointText),
        sa.UniqueConstraint("user_id", "mcp_id", name="uq_user_credentials_user_id_mcp_id"),
    )
    op.create_index("ix_user_credentials_user_id", "user_credentials", ["user_id"])
    op.create_index("ix_user_credentials_mcp_id", "user_credentials", ["mcp_id"])
    op.create_table(
        "credential_secrets",
        sa.Column(
            "credential_id",
            CodePointText,
            sa.ForeignKey(
                "user_credentials.credential_id",
                ondelete="CASCADE",
                name="fk_credential_secrets_credential_id",
            ),
            primary_key=True,
        ),
        sa.Column("field", CodePointText, primary_key=True),
        sa.Column("key_number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("locked_until", UtcDateTime),
    )
    op.create_index("ix_credential_secrets_key_number", "credential_secrets", ["key_number"])
