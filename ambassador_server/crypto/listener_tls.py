"""The TLS of one listener: its own certificate, and optionally the verification of client certificates."""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ambassador_server.crypto.certificates import Certificates, given_ssl_context
from ambassador_server.crypto.client_trust import ClientTrust
from ambassador_server.crypto.trust_files import TrustFiles
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.errors import ConfigurationError

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""`X509_V_FLAG_NO_CHECK_TIME` of OpenSSL."""


class ListenerTls:
    """Gives each new connection its context, and examines the certificates of clients."""

    def __init__(
        self,
        files: tuple[Path, Path],
        *,
        listener: str = "client",
        ca_file: Path | None = None,
        crl_file: Path | None = None,
        required: bool = False,
    ) -> None:
        """Read all files. Raises ConfigurationError for one that cannot be used."""
        self._files = files
        self._ca_file, self._required = ca_file, required
        name = f"client certificates of the {listener} API"
        self._authorities = None if ca_file is None else TrustFiles(ca_file, crl_file, name=name)
        self.context = self._new_context()
        self.on_change: Callable[[], None] = lambda: None

    @property
    def asks_clients(self) -> bool:
        """Tell whether clients are asked for a certificate."""
        return self._authorities is not None

    @property
    def trust(self) -> ClientTrust | None:
        """Return the authorities now; None if clients are not asked, and while a file cannot be used."""
        return None if self._authorities is None else self._authorities.trust

    def problem(self) -> str | None:
        """Return why clients cannot connect or are refused; None while nothing is wrong.

        It reads the certificate of the server, so it may wait for the disk.
        """
        try:
            given_ssl_context(*self._files)
        except ConfigurationError as error:
            return error.message
        return None if self._authorities is None else self._authorities.problem

    def examine(self, chain: Sequence[bytes]) -> PeerCertificate | CertificateFault:
        """Verify a chain as the files are now; any bytes may be given."""
        if self._authorities is None:
            return CertificateFault.REVOCATIONS_UNAVAILABLE
        return self._authorities.examine(chain)

    def renew(self, certificates: Certificates) -> None:
        """Use a renewed certificate of the server for new connections."""
        self._files = certificates.certificate_file, certificates.key_file
        self.context = self._new_context()

    async def follow(self) -> None:
        """Read the files again that have changed, and let open connections be examined again."""
        if self._authorities is None or not await self._authorities.follow():
            return
        try:
            if self._authorities.trust is not None:
                self.context = self._new_context()
        except ConfigurationError as error:
            self._authorities.refuse_all(error.message)
        self.on_change()

    def _new_context(self) -> ssl.SSLContext:
        context = given_ssl_context(*self._files)
        if self._ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED if self._required else ssl.CERT_OPTIONAL
            # A resumed session would not be verified again.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
            try:
                context.load_verify_locations(self._ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"Cannot use the CA file {self._ca_file}: {error}.") from error
            # `examine` looks at times and revocations, because it can tell the client what is wrong.
            context.verify_flags |= _NO_CHECK_TIME
        return context
