"""Client trust from files that are looked at again each second.

A file that cannot be read any more refuses all client certificates.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ambassador_server.crypto.client_trust import ClientTrust
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.errors import ConfigurationError

_FileState = tuple[int, int, int] | None

_log = logging.getLogger(__name__)


class TrustFiles:
    """Implements `ports.client_trust.ClientAuthorities`; `name` says in the log whose certificates these are."""

    def __init__(self, ca_file: Path, crl_file: Path | None, *, name: str) -> None:
        """Read the files. Raises ConfigurationError for one that cannot be used."""
        self._ca_file, self._crl_file, self._name = ca_file, crl_file, name
        self._seen = self._state()
        self._trust: ClientTrust | None = ClientTrust.read(ca_file, crl_file)
        self._problem: str | None = None
        self._say_problem(self._time_problem())

    @property
    def trust(self) -> ClientTrust | None:
        """Return the authorities now; None while a file cannot be used."""
        return self._trust

    @property
    def problem(self) -> str | None:
        """Return why certificates are refused, as it was found last; None while they are accepted."""
        return self._problem

    def examine(self, chain: Sequence[bytes]) -> PeerCertificate | CertificateFault:
        """Verify a chain as the files are now; any bytes may be given."""
        if self._trust is None:
            return CertificateFault.REVOCATIONS_UNAVAILABLE
        return self._trust.examine(chain, datetime.now(UTC))

    async def follow(self) -> bool:
        """Read the files again that have changed; tell whether a certificate may be refused now that was not."""
        state = self._state()
        if state != self._seen:
            self._seen = state
            await self._read_again()
            return True
        if self._trust is None:
            return False
        problem = self._time_problem()
        is_new = problem is not None and self._problem is None
        self._say_problem(problem)
        return is_new

    def refuse_all(self, problem: str) -> None:
        """Refuse all certificates until a file changes."""
        self._trust = None
        self._say_problem(problem)

    async def _read_again(self) -> None:
        try:
            self._trust = await asyncio.to_thread(ClientTrust.read, self._ca_file, self._crl_file)
        except ConfigurationError as error:
            self.refuse_all(error.message)
            return
        _log.info("%s: read again", self._name)
        self._say_problem(self._time_problem())

    def _time_problem(self) -> str | None:
        now = datetime.now(UTC)
        if self._trust is None:
            return None
        if self._trust.has_expired(now):
            return f"the authorities in {self._ca_file} have expired."
        if self._trust.list_fault(now):
            return f"a revocation list in {self._crl_file} has expired."
        return None

    def _say_problem(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            _log.error("%s: %s Certificates are refused until the file is replaced.", self._name, problem)
        self._problem = problem

    def _state(self) -> tuple[_FileState, ...]:
        return tuple(_state_of(each) for each in (self._ca_file, self._crl_file) if each is not None)


def _state_of(file: Path) -> _FileState:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
