"""Creates the TLS contexts that verify the server's certificate."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from ambassador_client.account.paths import state_directory
from ambassador_client.account.settings import Settings
from ambassador_client.errors import SettingsError
from ambassador_protocol.text_files import BYTE_ORDER_MARKS, decode_text
from ambassador_protocol.tls import client_context


def context_from_settings(
    settings: Settings, dial: Callable[[float], socket.socket] | None = None
) -> ssl.SSLContext | None:
    """Return the TLS context for these settings, None for http://; may fetch a pinned certificate from the server.

    A fingerprint holds whatever else is trusted. Raises SettingsError, UntrustedCertificateError or UnreachableError.
    """
    if settings.fingerprint is not None:
        check_has_certificate(settings.server_url)
        from ambassador_client.account.pinning import pinned_certificate  # noqa: PLC0415 - rarely needed

        pem = pinned_certificate(settings.server_url, settings.fingerprint, state_directory() / "trust", dial)
        context = pinned_context(pem)
        context.check_hostname = not settings.allow_self_signed
    elif not settings.is_encrypted:
        return None
    else:
        context = ssl_context(ca_file=settings.ca_file, allow_self_signed=settings.allow_self_signed)
    if settings.certificate is not None:
        settings.certificate.use(context)
    return context


def check_has_certificate(url: str) -> None:
    """Raise SettingsError for an address without TLS, whose server has no certificate with a fingerprint."""
    if not url.startswith("https:"):
        raise SettingsError(
            f"a fingerprint is given, but {url} has no certificate",
            "Use https://, or leave the fingerprint out.",
        )


def pinned_context(pem: str) -> ssl.SSLContext:
    """Return a context that trusts only this PEM certificate, which may be a CA's or the server's own."""
    return _with_protocol_limits(client_context(cadata=pem))


def ssl_context(*, ca_file: Path | None, allow_self_signed: bool = False) -> ssl.SSLContext:
    """Return a client context for TLS 1.2 or newer that trusts the system's CAs, or only the certificates in `ca_file`.

    `allow_self_signed` accepts any certificate. Raises SettingsError for an unusable file.
    """
    if allow_self_signed:
        return _with_protocol_limits(_unverified_context())
    try:
        text = _marked_text(ca_file)
        context = client_context(cafile=ca_file) if text is None else client_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"{ca_file} contains no PEM certificate", "Give the CA certificate of the server."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"cannot read the CA file {ca_file}: {error.strerror}",
            "Check what names the file: an option, MCP_AMBASSADOR_CA_FILE or the account.",
        ) from error
    return _with_protocol_limits(context)


def _marked_text(path: Path | None) -> str | None:
    """Return the text of a file with a byte order mark, which OpenSSL does not read; None for others."""
    if path is None:
        return None
    content = path.read_bytes()
    return decode_text(content) if content.startswith(BYTE_ORDER_MARKS) else None


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _with_protocol_limits(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
