"""What issuers describe by SCIM, and the keys with which they do."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0020_scim"
down_revision = "0019_introspection"


def upgrade() -> None:
    """Create the table and the columns."""
    op.create_table(
        "scim_resources",
        sa.Column("resource_id", CodePointText, primary_key=True),
        sa.Column(
            "issuer_id",
            CodePointText,
            sa.ForeignKey("issuers.issuer_id", ondelete="CASCADE", name="fk_scim_resources_issuer_id"),
            nullable=False,
        ),
        sa.Column("kind", CodePointText, nullable=False),
        sa.Column("name_key", CodePointText, nullable=False),
        sa.Column("external_id", CodePointText),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("document", CodePointText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint(
            "issuer_id", "kind", "name_key", name="uq_scim_resources_issuer_id_kind_name_key"
        ),
    )
    op.create_index("ix_scim_resources_issuer_id", "scim_resources", ["issuer_id"])
    op.create_index(
        "ix_scim_resources_issuer_id_kind_external_id", "scim_resources", ["issuer_id", "kind", "external_id"]
    )
    op.add_column("users", sa.Column("provisioner", CodePointText))
    op.add_column("users", sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_users_email", "users", ["email"])
    op.add_column("groups", sa.Column("provisioner", CodePointText))
    op.add_column("admin_keys", sa.Column("issuer_id", CodePointText))
