"""The certificate by which a server knows our program: files, checked before their key is used."""

import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ambassador_client.errors import SettingsError
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference

if TYPE_CHECKING:
    import ssl

CERT_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_CERT"
KEY_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_KEY"
PASSPHRASE_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_KEY_PASSPHRASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """Files with a certificate and its key, in PEM; without a key file both are in one. The passphrase is resolved."""

    cert_file: Path
    key_file: Path | None = None
    passphrase: str = field(default="", repr=False)

    def use(self, context: "ssl.SSLContext") -> None:
        """Present the certificate to servers that ask for one. Raises SettingsError."""
        import ssl  # noqa: PLC0415 - the help of commands needs none

        key_file = self.key_file or self.cert_file
        _refuse_unless_private(key_file)
        try:
            # With a password given, OpenSSL does not ask on the terminal for the one of an encrypted key.
            context.load_cert_chain(self.cert_file, key_file, password=self.passphrase)
        except ssl.SSLError as error:
            raise SettingsError(
                f"cannot use the client certificate {self.cert_file} with the key {key_file}",
                f"Do they belong together, in PEM? A key with a passphrase needs {PASSPHRASE_VARIABLE}.",
            ) from error
        except OSError as error:
            raise SettingsError(
                f"cannot read the client certificate {self.cert_file}: {error.strerror}",
                f"Check {CERT_VARIABLE}.",
            ) from error


def certificate_of(
    cert: str | None, key: str | None, passphrase: str | None, environ: Mapping[str, str]
) -> ClientCertificate | None:
    """Return the certificate that settings name, None without one; `passphrase` is a reference.

    Raises SettingsError.
    """
    if not cert:
        if key or passphrase:
            raise SettingsError("a client key is given without its certificate", f"Set {CERT_VARIABLE}.")
        return None
    try:
        if passphrase and parse_reference(passphrase) is None:
            raise SettingsError(
                "the passphrase of the client key is not given by reference",
                f"Set {PASSPHRASE_VARIABLE} to env://NAME or file://PATH.",
            )
        secret = resolve_reference(passphrase, environ) if passphrase else ""
    except SecretReferenceError as error:
        raise SettingsError(str(error), f"Correct {PASSPHRASE_VARIABLE}.") from None
    key_file = Path(key).expanduser() if key else None
    return ClientCertificate(cert_file=Path(cert).expanduser(), key_file=key_file, passphrase=secret)


def certificate_from(environ: Mapping[str, str]) -> ClientCertificate | None:
    """Return the certificate that environment variables name. Raises SettingsError."""
    cert, key, passphrase = (environ.get(each) for each in (CERT_VARIABLE, KEY_VARIABLE, PASSPHRASE_VARIABLE))
    return certificate_of(cert, key, passphrase, environ)


def _refuse_unless_private(key_file: Path) -> None:
    try:
        status = key_file.stat()
    except OSError as error:
        raise SettingsError(
            f"cannot read the client key {key_file}: {error.strerror}", f"Check {KEY_VARIABLE}."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError(f"the client key {key_file} is not a regular file", f"Check {KEY_VARIABLE}.")
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(f"other users can read the client key {key_file}", f"Run: chmod 600 {key_file}")
