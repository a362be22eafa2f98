"""Builds what believes the identity headers of an API gateway."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from ambassador_protocol.references import SecretReferenceError
from ambassador_server import secret_stores
from ambassador_server.audit_sinks.shared.options import resolve_for
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.periodic import Job
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.gateway_signatures import HmacGatewaySignatures
from ambassador_server.crypto.listener_tls import ListenerTls
from ambassador_server.crypto.trust_files import TrustFiles
from ambassador_server.domain.secrets.shared_secrets import secret_fault
from ambassador_server.errors import ConfigurationError
from ambassador_server.services.administration.health import Health
from ambassador_server.services.credentials.shared_values import SHARED_SECONDS
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.services.sign_in.forwarded_certificates import ForwardedCertificates
from ambassador_server.services.sign_in.gateway_proof import GatewayProver, GatewaySettings
from ambassador_server.services.sign_in.token_proof import TokenProver

_TOLD_SECONDS: Final = 2.0
_WHO: Final = "gateway.secrets"

_log = logging.getLogger(__name__)


def create_gateway(
    config: ServerConfig, base: Foundation, tokens: TokenProver, certificates: CertificateProver
) -> GatewayProver | None:
    """Build it, if a gateway is configured; `certificates` names users of the certificates that it forwards.

    Raises ConfigurationError for a secret or a file that cannot be used.
    """
    section = config.gateway
    if not section.is_configured:
        return None
    secrets = gateway_secrets(config)
    return GatewayProver(
        settings=GatewaySettings(
            name=section.name,
            certificate_names=frozenset(section.allowed_names),
            signed_users=section.signed_users,
        ),
        signatures=HmacGatewaySignatures(secrets, base.clock) if secrets else None,
        tokens=tokens,
        forwarded=_forwarded(config, certificates),
        policy=base.policy,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
    )


def _forwarded(config: ServerConfig, certificates: CertificateProver) -> ForwardedCertificates | None:
    section = config.gateway
    if section.forwarded_ca_file is None:
        return None
    name = "certificates that the gateway forwards"
    authorities = TrustFiles(section.forwarded_ca_file, section.forwarded_crl_file, name=name)
    return ForwardedCertificates(authorities=authorities, certificates=certificates)


class GatewayWatch:
    """Reads the secrets of a gateway again, and tells whether it can prove itself.

    A secret that cannot be read any more is not good until it can be read again, as for values of MCPs.
    """

    def __init__(
        self, config: ServerConfig, prover: GatewayProver, health: Health, tls: ListenerTls | None
    ) -> None:
        self._references = config.gateway.secrets
        self._prover, self._health, self._tls = prover, health, tls
        self._secret_problem: str | None = None
        self._said: str | None = None
        health.gateway_is_usable = True  # or this server had not started

    def jobs(self) -> Iterator[Job]:
        """Yield what reads the secrets again, soon unless another machine is asked for one, and tells what is wrong."""
        if self._references:
            seconds = SHARED_SECONDS if any(map(secret_stores.waits, self._references)) else 1.0
            yield Job("secrets of the gateway", seconds, self.read_secrets)
        yield Job("gateway", _TOLD_SECONDS, self.tell)

    async def tell(self) -> None:
        """Tell whether the gateway can prove itself, in the log once."""
        problem = self._secret_problem or await self._file_problem()
        self._health.gateway_is_usable = problem is None
        if problem is not None and problem != self._said:
            _log.error("the gateway cannot prove itself: %s", problem)
        self._said = problem

    async def read_secrets(self) -> None:
        """Use the secrets as they are now."""
        good, problems = list[bytes](), list[str]()
        for reference in self._references:
            try:
                found = await secret_stores.resolve_without_blocking(reference)
                good.append(_checked(reference, found))
            except SecretReferenceError as error:
                problems.append(f"{_WHO}: {error}")
            except ConfigurationError as error:
                problems.append(error.message)
        self._prover.use_secrets(good)
        self._secret_problem = "; ".join(problems) or None

    async def _file_problem(self) -> str | None:
        forwarded = self._prover.forwarded
        of_listener = None if self._tls is None else await asyncio.to_thread(self._tls.problem)
        return of_listener or (None if forwarded is None else forwarded.problem)


def gateway_secrets(config: ServerConfig) -> tuple[bytes, ...]:
    """Return the secrets for signatures. Raises ConfigurationError for one that is missing or could be guessed."""
    return tuple(_checked(each, resolve_for(_WHO, each)) for each in config.gateway.secrets)


def _checked(reference: str, secret: str) -> bytes:
    if not secret.isprintable() or not secret.isascii():
        raise ConfigurationError(f"{_WHO}: {reference} does not hold one line of ASCII text.")
    fault = secret_fault(secret)
    if fault is not None:
        raise ConfigurationError(f"{_WHO}: {reference} {fault}.")
    return secret.encode()
