"""The definitions of the tables of credentials of users, of their access by OAuth, and of what was used once."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, UniqueConstraint

from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.storage.columns import metadata, optional_text, owner_column, required_text
from ambassador_server.storage.types import CodePointText, EnumText, TextTuple, UtcDateTime

user_credentials = Table(
    "user_credentials",
    metadata,
    Column("credential_id", CodePointText, primary_key=True),
    owner_column("user_id", "users.user_id"),
    owner_column("mcp_id", "mcps.mcp_id"),
    Column("fields", TextTuple, nullable=False),
    required_text("generation"),
    Column("status", EnumText(CredentialStatus), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("scopes", TextTuple, nullable=False),
    optional_text("issuer"),
    UniqueConstraint("user_id", "mcp_id"),
)

credential_secrets = Table(
    "credential_secrets",
    metadata,
    Column(
        "credential_id",
        CodePointText,
        ForeignKey("user_credentials.credential_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("field", CodePointText, primary_key=True),
    Column("key_number", Integer, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("locked_until", UtcDateTime),
)

oauth_clients = Table(
    "oauth_clients",
    metadata,
    Column("registration_id", CodePointText, primary_key=True),
    owner_column("mcp_id", "mcps.mcp_id"),
    required_text("issuer"),
    Column("key_number", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("locked_until", UtcDateTime),
    UniqueConstraint("mcp_id", "issuer"),
)

pending_connections = Table(
    "pending_connections",
    metadata,
    Column("pending_id", CodePointText, primary_key=True),
    owner_column("user_id", "users.user_id"),
    owner_column("mcp_id", "mcps.mcp_id"),
    Column("key_number", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    optional_text("state_digest"),
    optional_text("cookie_digest"),
    optional_text("code_digest"),
    Column("wrong_codes", Integer, nullable=False),
    UniqueConstraint("state_digest"),
)

used_once = Table(
    "used_once",
    metadata,
    Column("use_id", CodePointText, primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
