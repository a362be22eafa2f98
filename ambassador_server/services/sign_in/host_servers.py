"""This server as an authorization server for hosts that can only register themselves: one for each issuer."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import NotFoundError
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class HostServer:
    """The authorization server of one issuer: its identifier, and the resource that its tokens are for."""

    issuer: Issuer
    identifier: str
    resource: str

    @property
    def callback(self) -> str:
        """Return where the provider sends browsers back to."""
        return f"{self.identifier}/callback"

    @property
    def scopes(self) -> Sequence[str]:
        """Return what hosts may ask for: what tokens need, and what administrators have added."""
        return tuple(dict.fromkeys((*self.issuer.scopes, *self.issuer.host_scopes)))


class HostServers:
    """Finds them below `path` of the public URL; without one there is none."""

    def __init__(
        self, *, policy: PolicyKeeper, public_url: str | None, path: str, resource_path: str
    ) -> None:
        self._policy = policy
        self._server = None if public_url is None else public_url.rstrip("/")
        self._path = path
        self._resource_path = resource_path

    def of(self, issuer: Issuer) -> HostServer | None:
        """Return the one of an issuer; None unless administrators have named a client for hosts."""
        if self._server is None or issuer.host_client_id is None:
            return None
        return HostServer(
            issuer=issuer,
            identifier=f"{self._server}{self._path}/{issuer.name}",
            resource=f"{self._server}{self._resource_path}",
        )

    def named(self, name: str) -> HostServer:
        """Return the one of the issuer of this name. Raises NotFoundError."""
        for server in self._all():
            if server.issuer.name == name:
                return server
        raise NotFoundError("No issuer of this name lets hosts log in through this server")

    def at(self, path: str) -> HostServer | None:
        """Return the one with this path in its identifier."""
        return next((each for each in self._all() if urlsplit(each.identifier).path == path), None)

    def _all(self) -> list[HostServer]:
        issuers = self._policy.snapshot.issuers
        known = () if issuers is None else issuers.by_id.values()
        return [server for server in map(self.of, known) if server is not None]
