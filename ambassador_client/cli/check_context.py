"""The data that the checks of `doctor` share: settings, proxy and connection."""

import os
import socket
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ambassador_client.account.proxy_tunnel import ProxyTunnel, tunnel_to
from ambassador_client.account.settings import Credential, Settings, load_settings
from ambassador_client.cli.command import Run
from ambassador_client.errors import NoCredentialsError
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT

CONNECT_SECONDS = 10.0


class CheckWarning(Exception):
    """A problem that does not stop the client; `fix` is the next step."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause, self.fix = cause, fix


class CheckContext:
    """The shared state of the checks; `fix` allows safe changes, `me` is the server's answer to GET /v1/me."""

    def __init__(self, run: Run, *, fix: bool) -> None:
        self.run = run
        self.fix = fix
        self.me: dict[str, Any] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings of this run, with or without a key; raises SettingsError."""
        try:
            return load_settings(self.run.flags)
        except NoCredentialsError as error:
            # The connection to the server can be checked without a key.
            keyless = {**os.environ, "MCP_AMBASSADOR_PRESHARED_KEY": "none"}
            missing = error

            def reveal() -> str:
                raise missing

            settings = load_settings(self.run.flags, keyless)
            return replace(settings, credential=Credential("", "nowhere", reveal))

    @cached_property
    def tunnel(self) -> ProxyTunnel | None:
        """The HTTP proxy between this machine and the server, or None."""
        return tunnel_to(self.settings.server_url, os.environ)

    @cached_property
    def first_hop(self) -> tuple[str, int]:
        """Host and port of the first connection: the proxy or the server."""
        if self.tunnel is not None:
            return self.tunnel.proxy_host, self.tunnel.proxy_port
        parts = urlsplit(self.settings.server_url)
        return parts.hostname or "", parts.port or DEFAULT_CLIENT_PORT

    def dial(self) -> socket.socket:
        """Open a socket to the server, through the proxy if there is one."""
        if self.tunnel is not None:
            return self.tunnel.dial(CONNECT_SECONDS)
        return socket.create_connection(self.first_hop, timeout=CONNECT_SECONDS)
