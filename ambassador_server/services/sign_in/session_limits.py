"""How many sessions of one key this server holds, so that a key which opens them without end keeps the newest alone."""

from collections.abc import Set


class SessionLimits:
    """The sessions of each key, by their ids."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of_key: dict[str, set[str]] = {}

    def join(self, key_id: str, session_id: str) -> None:
        """Count a session."""
        self._of_key.setdefault(key_id, set()).add(session_id)

    def leave(self, key_id: str, session_id: str) -> None:
        """Count it no more; nothing happens where it was not counted."""
        members = self._of_key.get(key_id)
        if members is not None:
            members.discard(session_id)
            if not members:
                del self._of_key[key_id]

    def excess(self, key_id: str) -> int:
        """Return how many sessions of a key there are beyond the limit."""
        return max(0, len(self._of_key.get(key_id, ())) - self._limit)

    def of(self, key_id: str) -> Set[str]:
        """Return the sessions of a key."""
        return self._of_key.get(key_id, frozenset())
