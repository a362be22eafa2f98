"""Parses a database URL and removes its secrets for display."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ambassador_protocol.server_urls import url_host
from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.errors import ConfigurationError
from ambassador_server.storage.dialects import Dialect, load


@dataclass(frozen=True, slots=True)
class Database:
    """A database with its URL and dialect; `repr` and `name` hold no login."""

    dialect: Dialect = field(repr=False)
    url: URL = field(repr=False)
    name: str

    @classmethod
    def parse(cls, url: str) -> "Database":
        """Parse the URL; raises ConfigurationError that does not quote it."""
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise ConfigurationError(
                "The database URL cannot be read.",
                hint="Write 'sqlite:////path/to/file' or 'postgresql://user:password@host/database'.",
            ) from None
        dialect = load(parsed.get_backend_name())
        accepted = dialect.accept(parsed)
        return cls(dialect=dialect, url=accepted, name=dialect.describe(accepted))


def redacted_url(url: str) -> str:
    """Return the URL without user, password and values of options, each of which may be a secret."""
    parsed = make_url(url)
    login = f"{REDACTED}:{REDACTED}@" if parsed.username or parsed.password else ""
    host = url_host(parsed.host or "")
    port = "" if parsed.port is None else f":{parsed.port}"
    database = "" if parsed.database is None else f"/{parsed.database}"
    options = "&".join(f"{name}={REDACTED}" for name in parsed.query)
    return f"{parsed.drivername}://{login}{host}{port}{database}{'?' * bool(options)}{options}"


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite database; None for a server, and for a database in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}
    return Path(parsed.database or "") if is_file else None
