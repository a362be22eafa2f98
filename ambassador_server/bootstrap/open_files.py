"""Divides the file descriptors of this process among its listeners, and leaves half of them to everything else."""

import sys
from dataclasses import dataclass, replace
from typing import Final

from ambassador_server.setting_sections import LimitsSection
from ambassador_server.web.listener_bounds import Api, ConnectionBounds

if sys.platform != "win32":
    import resource

_SHARE_OF_LISTENERS: Final = 2
_SHARE_OF_ADMIN: Final = 8
_FEWEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerBounds:
    """The bounds of the listeners; `descriptors` is None if the system sets no limit."""

    descriptors: int | None
    client: ConnectionBounds
    admin: ConnectionBounds
    gateway: ConnectionBounds

    def of(self, api: Api) -> ConnectionBounds:
        """Return the bounds of one listener."""
        return {"client": self.client, "admin": self.admin, "gateway": self.gateway}[api]


def raise_descriptor_limit() -> None:
    """Raise the soft limit of this process to its hard limit; programs of MCPs get the usual one again."""
    if sys.platform == "win32":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_bounds(limits: LimitsSection, *, gateway: bool = False) -> ListenerBounds:
    """Return the bounds by the settings, lower where the hard limit of descriptors is low.

    The listeners together never have more than half of the descriptors, so none can use up those of the others. All
    users of an API gateway come from one address.
    """
    descriptors = _hard_limit()
    client, admin = limits.client_connections, limits.admin_connections
    if descriptors is not None:
        both = descriptors // _SHARE_OF_LISTENERS
        admin = min(admin, max(_FEWEST, both // _SHARE_OF_ADMIN))
        client = min(client, max(_FEWEST, (both - admin) // (2 if gateway else 1)))
    of_client = _bounds(limits, client)
    return ListenerBounds(
        descriptors=descriptors,
        client=of_client,
        admin=_bounds(limits, admin),
        gateway=replace(of_client, per_address=client),
    )


def _bounds(limits: LimitsSection, total: int) -> ConnectionBounds:
    return ConnectionBounds(
        total=total,
        per_address=limits.connections_per_address,
        proxies=tuple(limits.proxies),
        unread_seconds=limits.unread_seconds,
        unread_bytes=limits.unread_bytes,
    )


def _hard_limit() -> int | None:
    if sys.platform == "win32":
        return None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard
