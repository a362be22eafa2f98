"""Tells hosts without a token where to log in: the metadata of this server as a protected resource (RFC 9728)."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import Advice, NotFoundError
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.host_servers import HostServers


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPlace:
    """Where hosts log in: `resource` is what they ask a token for, `scopes` are those of all servers together."""

    resource: str
    metadata_url: str
    servers: tuple[str, ...]
    scopes: tuple[str, ...]
    challenged_scopes: tuple[str, ...]
    """The scopes that a token of any of the servers needs; none where servers differ, because a host asks one."""


class ProtectedResource:
    """Describes what is at `path` below the public URL; the documents about it are below `well_known`."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        hosts: HostServers,
        public_url: str | None,
        path: str,
        well_known: str,
    ) -> None:
        self._policy = policy
        self._hosts = hosts
        self._well_known = well_known
        self._server = None if public_url is None else public_url.rstrip("/")
        self._url = None if public_url is None else f"{public_url.rstrip('/')}{path}"

    def login_place(self) -> LoginPlace | None:
        """Return where hosts log in; None without a public URL, or an issuer where they could."""
        issuers = self._with_login()
        if self._url is None or not issuers:
            return None
        parts = urlsplit(self._url)
        scopes = {issuer.scopes for issuer in issuers}
        return LoginPlace(
            resource=self._url,
            metadata_url=f"{parts.scheme}://{parts.netloc}{self._well_known}{parts.path}",
            servers=(*(url for issuer in issuers for url in self._at(issuer)), *self._own(issuers)),
            scopes=tuple(sorted({scope for each in scopes for scope in each})),
            challenged_scopes=next(iter(scopes)) if len(scopes) == 1 else (),
        )

    def _at(self, issuer: Issuer) -> tuple[str, ...]:
        """Return where hosts log in at an issuer; most take the first, so that one for those without a client is it."""
        hosts = self._hosts.of(issuer)
        return (issuer.url,) if hosts is None else (hosts.identifier, issuer.url)

    def _own(self, issuers: Sequence[Issuer]) -> tuple[str, ...]:
        """Return this server, if it gives tokens for assertions; last, because no person can log in there."""
        gives = any(issuer.assertion_clients for issuer in issuers)
        return (self._server,) if gives and self._server is not None else ()

    def described(self, path: str) -> LoginPlace:
        """Return what the document at this path is about, which is empty for the root of the server.

        Raises NotFoundError for another resource, and without what the document needs.
        """
        place = self.login_place()
        if place is not None and path in ("", urlsplit(place.resource).path):
            return place
        if place is None and self._with_login():
            raise NotFoundError(
                "The server does not know its own URL, so it cannot say where to log in",
                advice=Advice.SET_PUBLIC_URL,
            )
        raise NotFoundError("No resource of this server has such metadata")

    def _with_login(self) -> list[Issuer]:
        """Return the issuers that are authorization servers, which neither applications nor gateways are."""
        issuers = self._policy.snapshot.issuers
        known = () if issuers is None else issuers.by_id.values()
        found = (issuer for issuer in known if issuer.has_logins)
        return sorted(found, key=lambda issuer: issuer.name)
