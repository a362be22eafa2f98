"""Builds what believes the identity headers of an API gateway."""

from typing import Final

from ambassador_server.audit_sinks.shared.options import resolve_for
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.gateway_signatures import HmacGatewaySignatures
from ambassador_server.crypto.trust_files import TrustFiles
from ambassador_server.errors import ConfigurationError
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.services.sign_in.forwarded_certificates import ForwardedCertificates
from ambassador_server.services.sign_in.gateway_proof import GatewayProver, GatewaySettings
from ambassador_server.services.sign_in.token_proof import TokenProver

_LEAST_SECRET_BYTES: Final = 32


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


def gateway_secrets(config: ServerConfig) -> tuple[bytes, ...]:
    """Return the secrets for signatures. Raises ConfigurationError for one that is missing or could be guessed."""
    found = tuple(resolve_for("gateway.secrets", each).encode() for each in config.gateway.secrets)
    for reference, secret in zip(config.gateway.secrets, found, strict=True):
        if len(secret) < _LEAST_SECRET_BYTES:
            raise ConfigurationError(
                f"gateway.secrets: {reference} has fewer than {_LEAST_SECRET_BYTES} bytes, so that it could be guessed."
            )
    return found
