"""What the definitions of tables share: the collection of all tables, and kinds of columns."""

from sqlalchemy import Column, ForeignKey, MetaData

from ambassador_server.storage.types import CodePointText, SharedText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def required_text(name: str) -> Column[str]:
    """Return a column that always has a text."""
    return Column(name, CodePointText, nullable=False)


def optional_text(name: str) -> Column[str]:
    """Return a column that may have a text."""
    return Column(name, CodePointText)


def owner_column(name: str, column: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    """Return a column with the id of what a row belongs to and is deleted with."""
    owner = ForeignKey(column, ondelete="CASCADE")
    return Column(name, SharedText, owner, primary_key=primary_key, nullable=nullable, index=not primary_key)
