"""Which database a URL means."""

from dataclasses import dataclass, field

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ambassador_server.errors import ConfigurationError
from ambassador_server.storage.dialects import Dialect, load


@dataclass(frozen=True, slots=True)
class Target:
    """A database and the dialect it speaks; shown without its login."""

    dialect: Dialect = field(repr=False)
    url: URL = field(repr=False)
    name: str

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Understand the URL, or raise ConfigurationError without repeating it."""
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
