"""The certificate by which a server knows our program: files, checked before their key is used."""

import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ambassador_client.errors import SettingsError
from ambassador_protocol.certificates import certificates_in, validity_of
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference

if TYPE_CHECKING:
    import ssl

CERT_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_CERT"
KEY_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_KEY"
PASSPHRASE_VARIABLE: Final = "MCP_AMBASSADOR_CLIENT_KEY_PASSPHRASE"

_MAX_BYTES: Final = 1 << 20
_SEALED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
_WHICH: Final = "Check {}, or {} of the login."


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """Files with a certificate and its key, in PEM; without a key file both are in one.

    `passphrase` returns the one of the key, read at each use, because it may change with the key.
    """

    cert_file: Path
    key_file: Path | None = None
    passphrase: Callable[[], str] = field(default=lambda: "", repr=False)

    def use(self, context: "ssl.SSLContext") -> None:
        """Present the certificate to servers that ask for one. Raises SettingsError."""
        import ssl  # noqa: PLC0415 - the help of commands needs none

        key_file, validity = self.check()
        _refuse_outside(validity, self.cert_file)
        passphrase = self.passphrase()
        try:
            # With a password given, OpenSSL does not ask on the terminal for the one of an encrypted key.
            context.load_cert_chain(self.cert_file, key_file, password=passphrase)
        except ssl.SSLError as error:
            raise self._unusable(key_file, error.reason, is_opened=bool(passphrase)) from error
        except OSError as error:
            raise _unreadable("certificate", self.cert_file, error) from error

    def check(self) -> tuple[Path, tuple[str, str] | None]:
        """Return the file of the key, and when the certificate begins and ends, None if that cannot be read.

        Raises SettingsError for files that cannot be read, for a key that others can read, and one whose passphrase is
        not given.
        """
        # First, because without a key file a missing one would be told as the key.
        found = certificates_in(_read(self.cert_file, "certificate").decode(errors="replace"))
        key_file = self.key_file or self.cert_file
        _refuse_unless_private(key_file)
        if not self.passphrase() and any(each in _read(key_file, "key") for each in _SEALED):
            raise SettingsError(
                f"the client key {key_file} has a passphrase, which is not given", _give_passphrase()
            )
        try:
            return key_file, validity_of(next(found, b""))
        except ValueError:
            return key_file, None  # OpenSSL says what is wrong

    def mark(self) -> object:
        """Return at once a value that changes when a file is replaced."""
        return [_mark(file) for file in (self.cert_file, self.key_file or self.cert_file)]

    def _unusable(self, key_file: Path, reason: str | None, *, is_opened: bool) -> SettingsError:
        if reason == "KEY_VALUES_MISMATCH":
            return SettingsError(
                f"the client key {key_file} is not the key of the certificate {self.cert_file}",
                "Give the two files that belong together.",
            )
        if is_opened and any(each in _read(key_file, "key") for each in _SEALED):
            return SettingsError(
                f"the passphrase does not open the client key {key_file}", f"Correct {PASSPHRASE_VARIABLE}."
            )
        return SettingsError(
            f"cannot use the client certificate {self.cert_file} with the key {key_file}",
            "Are both in PEM, the certificate before those of its authorities?",
        )


class CertificatePlace(NamedTuple):
    """The files of a certificate and its key, and the reference of the passphrase, as a login keeps them."""

    cert_file: str
    key_file: str | None
    passphrase: str | None

    @classmethod
    def of(cls, cert: str, key: str | None, passphrase: str | None) -> "CertificatePlace":
        """Return the place with absolute paths, because later runs start in other directories."""
        return cls(_absolute(cert), None if key is None else _absolute(key), passphrase)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


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
    if passphrase and parse_reference(passphrase) is None:
        raise SettingsError("the passphrase of the client key is not given by reference", _give_passphrase())
    read = partial(_passphrase, passphrase or "", environ)
    read()  # what is wrong with the reference is told with the other settings
    key_file = Path(key).expanduser() if key else None
    return ClientCertificate(cert_file=Path(cert).expanduser(), key_file=key_file, passphrase=read)


def _passphrase(reference: str, environ: Mapping[str, str]) -> str:
    try:
        return resolve_reference(reference, environ)
    except SecretReferenceError as error:
        raise SettingsError(str(error), f"Correct {PASSPHRASE_VARIABLE}.") from None


def certificate_from(environ: Mapping[str, str]) -> ClientCertificate | None:
    """Return the certificate that environment variables name. Raises SettingsError."""
    cert, key, passphrase = (environ.get(each) for each in (CERT_VARIABLE, KEY_VARIABLE, PASSPHRASE_VARIABLE))
    return certificate_of(cert, key, passphrase, environ)


def presented_certificate(
    place: CertificatePlace | None, environ: Mapping[str, str], tls: "ssl.SSLContext | None" = None
) -> ClientCertificate | None:
    """Return the certificate at a place, or without one that of the variables, used by `tls`. Raises SettingsError."""
    found = certificate_from(environ) if place is None else certificate_of(*place, environ)
    if found is not None and tls is not None:
        found.use(tls)
    return found


def _give_passphrase() -> str:
    return f"Set {PASSPHRASE_VARIABLE} to env://NAME or file://PATH."


def _refuse_outside(validity: tuple[str, str] | None, cert_file: Path) -> None:
    """Raise SettingsError for a certificate outside its time: the server would end the connection without a word."""
    if validity is None:
        return
    (begin, end), now = validity, time.strftime("%Y%m%d%H%M%SZ", time.gmtime())
    if begin <= now <= end:
        return
    what, moment = ("expired on", end) if now > end else ("is not valid before", begin)
    raise SettingsError(
        f"the client certificate {cert_file} {what} {moment[:4]}-{moment[4:6]}-{moment[6:8]} "
        f"{moment[8:10]}:{moment[10:12]} UTC",
        "Replace it; if this is wrong, set the clock of this machine.",
    )


def _mark(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(file: Path, what: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        raise _unreadable(what, file, error) from error


def _unreadable(what: str, file: Path, error: OSError) -> SettingsError:
    named = (KEY_VARIABLE, "--cert-key") if what == "key" else (CERT_VARIABLE, "--cert")
    return SettingsError(f"cannot read the client {what} {file}: {error.strerror}", _WHICH.format(*named))


def _refuse_unless_private(key_file: Path) -> None:
    try:
        status = key_file.stat()
    except OSError as error:
        raise _unreadable("key", key_file, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError(
            f"the client key {key_file} is not a regular file", _WHICH.format(KEY_VARIABLE, "--cert-key")
        )
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(f"other users can read the client key {key_file}", f"Run: chmod 600 {key_file}")
