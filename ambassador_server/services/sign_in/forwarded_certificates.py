"""Users whose certificates a gateway forwards: verified here as if their clients had connected to this server."""

from ambassador_server.domain.people.certificates import CertificateFault
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.ports.client_trust import ClientAuthorities
from ambassador_server.services.sign_in.certificate_proof import CertificateProver


class ForwardedCertificates:
    """Names the users of certificates that a trusted gateway vouches for; it vouches that the client has the key."""

    def __init__(self, *, authorities: ClientAuthorities, certificates: CertificateProver) -> None:
        self._authorities = authorities
        self._certificates = certificates

    async def principal(self, chain: tuple[bytes, ...], origin: Origin) -> Principal | CertificateFault:
        """Return the user of a certificate, or why it is not accepted.

        Raises InvalidTokenError for one that is good and names no user.
        """
        peer = self._authorities.examine(chain)
        if isinstance(peer, CertificateFault):
            return peer
        return await self._certificates.authenticate(peer, origin)

    @property
    def problem(self) -> str | None:
        """Return why all certificates are refused; None while they are accepted."""
        return self._authorities.problem

    async def follow(self) -> None:
        """Read the files again that have changed: each request, and each look of a stream, verifies again."""
        await self._authorities.follow()
