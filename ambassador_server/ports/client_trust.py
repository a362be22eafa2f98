"""The authorities whose certificates are accepted, as a port."""

from collections.abc import Sequence
from typing import Protocol

from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate


class ClientAuthorities(Protocol):
    """Verifies certificates by files that are read again when they change."""

    def examine(self, chain: Sequence[bytes]) -> PeerCertificate | CertificateFault:
        """Return what a certificate says, or why it is refused; any bytes may be given."""
        ...

    @property
    def problem(self) -> str | None:
        """Return why all certificates are refused; None while they are accepted."""
        ...

    async def follow(self) -> bool:
        """Read the files again that have changed; tell whether a certificate may be refused now that was not."""
        ...
