"""Builds the login of hosts that have no client at the provider."""

from typing import Final

from ambassador_protocol.paths import HOST_LOGIN, MCP
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.provider_tokens import HostTokens
from ambassador_server.services.sign_in.host_exchange import HostExchange
from ambassador_server.services.sign_in.host_login import HostLogin
from ambassador_server.services.sign_in.host_refusals import HostRefusals
from ambassador_server.services.sign_in.host_seals import HostSeals
from ambassador_server.services.sign_in.host_servers import HostServers
from ambassador_server.services.sign_in.single_use import SingleUse
from ambassador_server.throttling.key_rates import KeyRate

STEPS_PER_MINUTE: Final = 300
"""How many steps of logins an address may take; a login has five, and many people may share an address."""


def create_host_login(config: ServerConfig, base: Foundation, uses: SingleUse) -> HostLogin:
    """Build the steps up to the code."""
    return HostLogin(
        servers=HostServers(
            policy=base.policy, public_url=config.public_url, path=HOST_LOGIN, resource_path=MCP
        ),
        endpoints=base.login_endpoints,
        seals=HostSeals(AesGcmSealer(base.key_ring.session_keys), base.clock),
        uses=uses,
        refusals=HostRefusals(base.recorder, base.throttle, KeyRate(STEPS_PER_MINUTE, base.clock.monotonic)),
    )


def create_host_exchange(base: Foundation, login: HostLogin) -> HostExchange:
    """Build the token endpoint."""
    return HostExchange(
        servers=login.servers,
        endpoints=login.endpoints,
        tokens=HostTokens(GuardedHttp()),
        seals=login.seals,
        uses=login.uses,
        refusals=login.refusals,
        recorder=base.recorder,
    )
