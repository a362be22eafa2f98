"""The TLS contexts with which our programs connect to a server: one rule on every version of Python."""

import ssl
from os import PathLike


def client_context(*, cafile: str | PathLike[str] | None = None, cadata: str | None = None) -> ssl.SSLContext:
    """Return a context, TLS 1.2 or newer, that trusts the given certificates, or the system's where none is given.

    A given certificate may be a CA's or the server's own. A CA is believed as OpenSSL does by default: Python 3.13 and
    newer also refuse one without a key usage or a key identifier, as many organisations have them. Raises OSError for
    a file that cannot be read or holds no certificate, ssl.SSLError among them.
    """
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
