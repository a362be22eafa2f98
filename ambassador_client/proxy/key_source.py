"""The key of a relay, which a login or a rotation on this machine may replace while the relay runs."""

from collections.abc import Callable

from ambassador_protocol.sessions import RegisterRequest


class KeySource:
    """Reads the identity with the key, and tells whether the key was replaced since the last time.

    `read` may block. `mark` returns at once a value that changes with all that is saved; `label` names the key that is
    saved now, None if there is none for this server.
    """

    def __init__(
        self,
        read: Callable[[], RegisterRequest],
        mark: Callable[[], object] = lambda: None,
        label: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.read = read
        self._mark_now = mark
        self._label_now = label
        self._mark: object = None
        self._label: str | None = None
        self.note()

    def note(self) -> bool:
        """Note what is saved now, as what is read next; tell whether that is another key than before."""
        before, self._mark = self._label, self._mark_now()
        self._label = self._label_now() or before
        return self._label != before

    def may_differ(self) -> bool:
        """Tell whether something was saved since then, such as the same key again after it was refused."""
        return self._mark_now() != self._mark

    def is_replaced(self) -> bool:
        """Tell whether another key is saved now, until it is noted; after another change, only the next one counts."""
        mark = self._mark_now()
        if mark == self._mark:
            return False
        if self._label_now() not in (None, self._label):
            return True
        self._mark = mark
        return False
