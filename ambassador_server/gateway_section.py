"""The section of the server's configuration about an API gateway."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ambassador_server.audit_sinks.shared.options import Reference
from ambassador_server.setting_sections import Section


def _check_certificate_name(text: str) -> str:
    """Return a name of a certificate as it is compared; raises ValueError for one that no certificate has."""
    kind, colon, value = text.partition(":")
    if not colon or not value or kind not in ("dns", "uri", "email"):
        raise ValueError("must be dns:, uri: or email: and an alternative name of the certificate")
    if "*" in value:
        raise ValueError("must be a whole name: there are no wildcards")
    return f"dns:{value.lower()}" if kind == "dns" else text


class GatewaySection(Section):
    """An API gateway whose identity headers are believed; see docs/gateways.md.

    It proves itself by its certificate on a listener of its own, or by a signature of each request to the client API.
    """

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
            description="Name of the gateway, by which an issuer says what its headers mean.",
        ),
    ] = "gateway"
    host: Annotated[
        str | None,
        Field(
            min_length=1, description="Address of its listener, which needs TLS; by default there is none."
        ),
    ] = None
    port: Annotated[int, Field(ge=0, le=65535, description="Port of its listener.")] = 10443
    client_ca_file: Annotated[
        Path | None, Field(description="Certificates of the authorities that may issue its certificate.")
    ] = None
    crl_file: Annotated[
        Path | None, Field(description="Lists of revoked certificates of these authorities; by default none.")
    ] = None
    allowed_names: Annotated[
        tuple[Annotated[str, AfterValidator(_check_certificate_name)], ...],
        Field(
            description="Alternative names (SAN) that its certificate may have, such as dns:edge.acme.example."
        ),
    ] = ()
    secrets: Annotated[
        tuple[Reference, ...],
        Field(
            max_length=2,
            description="References of the secrets for signatures, of which each is good; by default none.",
        ),
    ] = ()
    signed_users: Annotated[
        bool,
        Field(description="Whether only X-OpenWebUI-User-Jwt names users, and plain headers never suffice."),
    ] = False
    forwarded_ca_file: Annotated[
        Path | None,
        Field(
            description="Authorities of the certificates that it forwards in Client-Cert; by default none is read."
        ),
    ] = None
    forwarded_crl_file: Annotated[
        Path | None,
        Field(description="Revocation lists of these authorities; without valid ones none is accepted."),
    ] = None

    @property
    def is_configured(self) -> bool:
        """Tell whether the headers of a gateway can be believed at all."""
        return self.host is not None or bool(self.secrets)

    @model_validator(mode="after")
    def _check_listener(self) -> Self:
        if self.host is not None and (self.client_ca_file is None or not self.allowed_names):
            raise ValueError(
                "host goes with client_ca_file and allowed_names, or every caller would be believed"
            )
        if self.host is None and (self.client_ca_file or self.crl_file or self.allowed_names):
            raise ValueError(
                "client_ca_file, crl_file and allowed_names go with host, the address of the listener"
            )
        if self.forwarded_crl_file is not None and self.forwarded_ca_file is None:
            raise ValueError("forwarded_crl_file goes with forwarded_ca_file")
        if self.forwarded_ca_file is not None and self.signed_users:
            raise ValueError(
                "signed_users excludes forwarded_ca_file: the certificates it forwards are not signed users"
            )
        if self.forwarded_ca_file is not None and not self.is_configured:
            raise ValueError("forwarded_ca_file goes with host or secrets, or no gateway is believed")
        return self
