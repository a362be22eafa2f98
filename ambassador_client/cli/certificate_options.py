"""The options of `login` for a client certificate, which the account keeps by the names of its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from ambassador_client.account.client_certificate import (
    CERT_VARIABLE,
    CertificatePlace,
    ClientCertificate,
    presented_certificate,
)
from ambassador_client.errors import SettingsError, UsageError

_HELP: Final = "Run: ambassador-client login --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOptions:
    """The files of a client certificate."""

    cert: Annotated[
        str | None,
        typer.Option(
            "--cert",
            metavar="FILE",
            help="Your client certificate, PEM; without a key it stands alone. An empty FILE forgets a saved one.",
        ),
    ] = None
    cert_key: Annotated[
        str | None,
        typer.Option("--cert-key", metavar="FILE", help="Its private key, if that is in another file."),
    ] = None
    cert_passphrase_from: Annotated[
        str | None,
        typer.Option(
            "--cert-passphrase-from",
            metavar="SOURCE",
            help="The passphrase of that key: env://NAME or file://PATH, read at each use.",
        ),
    ] = None

    @property
    def forgets(self) -> bool:
        """Tell whether the certificate of a known account is to be forgotten."""
        return self.cert == ""

    def place(self) -> CertificatePlace | None:
        """Return where the certificate is, with absolute paths; None without --cert. Raises UsageError."""
        if not self.cert:
            needs = {"--cert-key": self.cert_key, "--cert-passphrase-from": self.cert_passphrase_from}
            lonely = next((option for option, value in needs.items() if value is not None), None)
            if lonely is not None:
                raise UsageError(f"{lonely} goes with --cert", _HELP)
            return None
        return CertificatePlace.of(self.cert, self.cert_key, self.cert_passphrase_from)

    def certificate(
        self, environ: Mapping[str, str], address: str, kept: CertificatePlace | None
    ) -> ClientCertificate | None:
        """Return the certificate to present at the login: that of the options, the variables or the known account.

        Raises SettingsError.
        """
        place = self.place()
        if place is not None and not address.startswith("https:"):
            raise SettingsError(
                f"a client certificate proves nothing to {address}, which has no TLS", "Use https://."
            )
        certificate = presented_certificate(place or (None if environ.get(CERT_VARIABLE) else kept), environ)
        if place is not None and certificate is not None:
            certificate.check()
        return certificate
