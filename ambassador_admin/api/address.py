"""Parses and checks the URL of a server."""

from ambassador_admin.errors import SettingsError
from ambassador_protocol.paths import DEFAULT_ADMIN_PORT
from ambassador_protocol.server_urls import parse_server_url

DEFAULT_SERVER = f"https://localhost:{DEFAULT_ADMIN_PORT}"


def normalise_url(text: str) -> str:
    """Return the URL as `scheme://host:port[/prefix]`; the defaults are https and port 9443. Raises SettingsError."""
    try:
        return parse_server_url(text if "://" in text else f"https://{text}", DEFAULT_ADMIN_PORT)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not the URL of a server: {error}.", hint=f"for example {DEFAULT_SERVER}"
        ) from None
