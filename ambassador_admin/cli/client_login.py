"""The command line that an administrator sends to a user together with a one-time code."""

from urllib.parse import urlsplit

from ambassador_admin.api import pinning, server
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, RefusedError
from ambassador_protocol.server_urls import is_loopback, url_host

_UNKNOWN = "URL-OF-THE-SERVER"


def login_command(admin: Invocation, code: str) -> str:
    """Return `ambassador-client login` with the address for clients, the fingerprint of the server's CA and the code.

    A part that the server does not tell is left out, or named in capital letters.
    """
    try:
        answer = admin.api.fetch(server.configuration())
        settings = {each["name"]: each["value"] for each in answer["settings"]}
    except (AdminError, KeyError, TypeError):
        settings = {}
    return f"ambassador-client login {_address(admin, settings)}{_fingerprint(admin)} --code {code}"


def _address(admin: Invocation, settings: dict[str, object]) -> str:
    port, names = settings.get("port"), settings.get("hostnames")
    if not isinstance(port, int) or port == 0:
        return _UNKNOWN
    parts = urlsplit(admin.settings.server)
    host = parts.hostname or ""
    if is_loopback(host) and isinstance(names, list) and names:
        host = str(names[0])  # the administrator may sit at the server, the user does not
    return f"{parts.scheme}://{url_host(host)}:{port}"


def _fingerprint(admin: Invocation) -> str:
    try:
        pem = admin.api.fetch_text(server.ca_certificate())
    except RefusedError:
        return ""  # the server has no CA of its own, so users trust the one that signed its certificate
    return f" --fingerprint {pinning.offered_fingerprint(pem)}"
