"""Counts the open sessions of each key against a limit."""

from collections.abc import Set


class SessionLimits:
    """The ids of each key's open sessions, and how many there are beyond the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids_by_key: dict[str, set[str]] = {}

    def join(self, key_id: str, session_id: str) -> None:
        """Count a session."""
        self._ids_by_key.setdefault(key_id, set()).add(session_id)

    def leave(self, key_id: str, session_id: str) -> None:
        """Stop counting a session; does nothing for one that is not counted."""
        ids = self._ids_by_key.get(key_id)
        if ids is not None:
            ids.discard(session_id)
            if not ids:
                del self._ids_by_key[key_id]

    def excess(self, key_id: str) -> int:
        """Return how many sessions of a key there are beyond the limit."""
        return max(0, len(self._ids_by_key.get(key_id, ())) - self._limit)

    def of(self, key_id: str) -> Set[str]:
        """Return the ids of a key's sessions."""
        return self._ids_by_key.get(key_id, frozenset())
