"""The TLS of one listener: its own certificate, and optionally the verification of client certificates.

Files are looked at again each second. A file that cannot be read any more refuses all client certificates.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ambassador_server.crypto.certificates import Certificates, given_ssl_context
from ambassador_server.crypto.client_trust import ClientTrust
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.errors import ConfigurationError

_FileState = tuple[int, int, int] | None
_SIDE: Final = "client certificates of the %s API: %s"

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""`X509_V_FLAG_NO_CHECK_TIME` of OpenSSL."""

_log = logging.getLogger(__name__)


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
        self._listener = listener
        self._ca_file, self._crl_file, self._required = ca_file, crl_file, required
        self._seen = self._state()
        self._trust = None if ca_file is None else ClientTrust.read(ca_file, crl_file)
        self._problem: str | None = None
        self.context = self._new_context()
        self.on_change: Callable[[], None] = lambda: None
        self._say_problem(self._list_problem())

    @property
    def asks_clients(self) -> bool:
        """Tell whether clients are asked for a certificate."""
        return self._ca_file is not None

    @property
    def trust(self) -> ClientTrust | None:
        """Return the authorities now; None if clients are not asked, and while a file cannot be used."""
        return self._trust

    def examine(self, chain: Sequence[bytes]) -> PeerCertificate | CertificateFault:
        """Verify a chain as the files are now; any bytes may be given."""
        if self._trust is None:
            return CertificateFault.REVOCATIONS_UNAVAILABLE
        return self._trust.examine(chain, datetime.now(UTC))

    def renew(self, certificates: Certificates) -> None:
        """Use a renewed certificate of the server for new connections."""
        self._files = certificates.certificate_file, certificates.key_file
        self.context = self._new_context()

    async def follow(self) -> None:
        """Read the files again that have changed, and let open connections be examined again."""
        state = self._state()
        if state != self._seen:
            self._seen = state
            await self._read_again()
            self.on_change()
        elif self._trust is not None:
            problem = self._list_problem()
            if problem is not None and self._problem is None:
                self.on_change()
            self._say_problem(problem)

    async def _read_again(self) -> None:
        try:
            if self._ca_file is not None:
                self._trust = await asyncio.to_thread(ClientTrust.read, self._ca_file, self._crl_file)
                self.context = self._new_context()
        except ConfigurationError as error:
            self._trust = None
            self._say_problem(error.message)
            return
        _log.info(_SIDE, self._listener, "read again")
        self._say_problem(self._list_problem())

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

    def _list_problem(self) -> str | None:
        if self._trust is None or not self._trust.list_fault(datetime.now(UTC)):
            return None
        return f"a revocation list in {self._crl_file} has expired"

    def _say_problem(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            _log.error(
                _SIDE, self._listener, f"{problem} Certificates are refused until the file is replaced."
            )
        self._problem = problem

    def _state(self) -> tuple[_FileState, ...]:
        return tuple(_state_of(each) for each in (self._ca_file, self._crl_file) if each is not None)


def _state_of(file: Path) -> _FileState:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
