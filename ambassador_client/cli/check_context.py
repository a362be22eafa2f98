"""What the checks of `doctor` look at: one run's settings, and the way to its server."""

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
    """What is odd and hinders nothing, and what mends it."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause, self.fix = cause, fix


class CheckContext:
    """What is examined; `fix` allows those changes that cannot do harm, `me` is what the server says of us."""

    def __init__(self, run: Run, *, fix: bool) -> None:
        self.run = run
        self.fix = fix
        self.me: dict[str, Any] = {}

    @cached_property
    def settings(self) -> Settings:
        """What holds for this run, with or without a key; raises SettingsError."""
        try:
            return self.run.settings
        except NoCredentialsError as error:
            # What is between us and the server can be looked at without a key.
            keyless = {**os.environ, "MCP_AMBASSADOR_PRESHARED_KEY": "none"}
            missing = error

            def reveal() -> str:
                raise missing

            settings = load_settings(self.run.flags, keyless)
            return replace(settings, credential=Credential("", "nowhere", reveal))

    @cached_property
    def tunnel(self) -> ProxyTunnel | None:
        """The proxy on the way, if there is one."""
        return tunnel_to(self.settings.server_url, os.environ)

    @cached_property
    def first_hop(self) -> tuple[str, int]:
        """Where the first connection goes: to the proxy, or to the server."""
        if self.tunnel is not None:
            return self.tunnel.proxy_host, self.tunnel.proxy_port
        parts = urlsplit(self.settings.server_url)
        return parts.hostname or "", parts.port or DEFAULT_CLIENT_PORT

    def dial(self) -> socket.socket:
        """Connect to the server, through the proxy if there is one."""
        if self.tunnel is not None:
            return self.tunnel.dial(CONNECT_SECONDS)
        return socket.create_connection(self.first_hop, timeout=CONNECT_SECONDS)
