"""Grants for one user, which an approved request for access makes."""

import sqlalchemy as sa
from alembic import op

from ambassador_server.storage.types import CodePointText, UtcDateTime

revision = "0013_grants_for_one_user"
down_revision = "0012_approvals"


def upgrade() -> None:
    """Create two columns, and let the group be absent; what cannot alter a table gets a copy of it."""
    if not op.get_bind().dialect.supports_alter:
        _copy_table()
    else:
        op.alter_column("grants", "group_id", existing_type=CodePointText, nullable=True)
        op.add_column("grants", sa.Column("user_id", CodePointText))
        op.add_column("grants", sa.Column("request_id", CodePointText))
        op.create_foreign_key(
            "fk_grants_user_id", "grants", "users", ["user_id"], ["user_id"], ondelete="CASCADE"
        )
    op.create_index("ix_grants_user_id", "grants", ["user_id"])


def _copy_table() -> None:
    copy = op.create_table(
        "grants_copy",
        sa.Column("grant_id", CodePointText, nullable=False),
        _owner("group_id", "groups.group_id", nullable=True),
        _owner("mcp_id", "mcps.mcp_id", nullable=False),
        sa.Column("patterns", CodePointText, nullable=False),
        sa.Column("effect", CodePointText, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", CodePointText, nullable=False),
        sa.Column("delivery", CodePointText, nullable=False),
        sa.Column("owner", CodePointText),
        sa.Column("resources", CodePointText),
        sa.Column("prompts", CodePointText),
        sa.Column("constraints", CodePointText),
        sa.Column("approval_seconds", sa.BigInteger),
        sa.Column("approvers", CodePointText),
        _owner("user_id", "users.user_id", nullable=True),
        sa.Column("request_id", CodePointText),
        sa.PrimaryKeyConstraint("grant_id", name="pk_grants"),
    )
    kept = [column.name for column in copy.columns if column.name not in {"user_id", "request_id"}]
    before = sa.table("grants", *map(sa.column, kept))
    op.execute(sa.insert(copy).from_select(kept, sa.select(before)))
    op.drop_table("grants")
    op.rename_table("grants_copy", "grants")
    op.create_index("ix_grants_group_id", "grants", ["group_id"])
    op.create_index("ix_grants_mcp_id", "grants", ["mcp_id"])


def _owner(name: str, column: str, *, nullable: bool) -> sa.Column[str]:
    owner = sa.ForeignKey(column, ondelete="CASCADE", name=f"fk_grants_{name}")
    return sa.Column(name, CodePointText, owner, nullable=nullable)
