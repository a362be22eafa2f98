"""Finds texts by words with the full-text search of SQLite, in memory, whatever database the server has."""

import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from ambassador_server.domain.catalog.search_words import SearchedTexts
from ambassador_server.errors import ConfigurationError

# Without content the index keeps no second copy of the texts. `porter` finds `emails` by `email`.
_CREATE: Final = (
    "CREATE VIRTUAL TABLE texts USING fts5("
    "name, title, description, arguments, content='', tokenize='porter unicode61 remove_diacritics 2')"
)
_INSERT: Final = "INSERT INTO texts(rowid, name, title, description, arguments) VALUES (?, ?, ?, ?, ?)"
_FIND: Final = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY bm25(texts, 10.0, 5.0, 2.0, 1.0), rowid"
_SHORTEST_BEGINNING: Final = 3
"""A shorter word is no beginning of another: too many begin so. In unspaced scripts one character is."""


class FullTextIndex:
    """Implements `ports.tool_search.SearchIndex`."""

    def __init__(self, texts: Iterable[SearchedTexts]) -> None:
        # Closed with this object: a search in another thread keeps the object.
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        self._lock = Lock()
        try:
            self._connection.execute(_CREATE)
        except sqlite3.OperationalError as error:
            raise ConfigurationError(f"The SQLite of this Python has no full-text search: {error}") from error
        self._connection.executemany(
            _INSERT,
            ((at, each.name, each.title, each.description, each.arguments) for at, each in enumerate(texts)),
        )
        self._connection.commit()

    def find(self, words: Sequence[str]) -> Sequence[int]:
        """Return the positions of the texts that have any of the words, the best first."""
        if not words:
            return []
        with self._lock:
            return [row[0] for row in self._connection.execute(_FIND, (" OR ".join(map(_matching, words)),))]


def _matching(word: str) -> str:
    """Return the expression for a word: quoted, because some words are operators."""
    quoted = '"' + word.replace('"', '""') + '"'
    is_beginning = len(word) >= _SHORTEST_BEGINNING or not word.isascii()
    return f"{quoted} *" if is_beginning else quoted
