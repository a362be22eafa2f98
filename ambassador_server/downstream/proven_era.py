"""The era in which a connection opens its next session, learned from the sessions before."""

from ambassador_server.downstream.era import Era
from ambassador_server.downstream.transport import CredentialsRefusedError, RejectedError
from ambassador_server.errors import DownstreamTimeoutError


class ProvenEra:
    """The era that the next handshake begins with; `proven` is None unless a session has proven one."""

    def __init__(self, era: Era | None) -> None:
        self.next: Era | None = era
        self._is_proven = era is not None

    @property
    def proven(self) -> Era | None:
        """Return the era that a session has proven."""
        return self.next if self._is_proven else None

    def prove(self, era: Era) -> None:
        """Take the era of a session that has opened."""
        self.next, self._is_proven = era, True

    def failed(self, error: BaseException, *, exited: bool) -> None:
        """Keep a proven era through an outage, unless the downstream answers no handshake of that era any more.

        After a program exited at the modern request the legacy era is tried.
        """
        if isinstance(error, CredentialsRefusedError):
            return
        if not self._is_proven or isinstance(error, RejectedError | DownstreamTimeoutError):
            self.next = Era.LEGACY if self.next is None and exited else None
            self._is_proven = False
