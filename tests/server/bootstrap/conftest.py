"""Fixtures: an empty database of each kind."""

from tests.server.storage.conftest import postgres, postgres_url, sqlite_path, url

__all__ = ["postgres", "postgres_url", "sqlite_path", "url"]
