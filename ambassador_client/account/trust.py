"""What TLS certificate of the server is believed."""

import ssl
from pathlib import Path

from ambassador_client.errors import SettingsError


def ssl_context(*, ca_file: Path | None, allow_self_signed: bool = False) -> ssl.SSLContext:
    """Return a client context, TLS 1.2 or newer: trusts the system's CAs, or only the CAs in `ca_file`.

    `allow_self_signed` believes any certificate whatever. Raises SettingsError for a file without certificates.
    """
    if allow_self_signed:
        return _limited(_credulous())
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except ssl.SSLError as error:
        raise SettingsError(
            f"{ca_file} holds no PEM certificate", "Give the CA certificate of the server."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"cannot read the CA file {ca_file}: {error.strerror}", "Check MCP_AMBASSADOR_CA_FILE."
        ) from error
    return _limited(context)


def _credulous() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _limited(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
