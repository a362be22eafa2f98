"""Authentication of principals, as a port."""

from dataclasses import dataclass
from typing import Protocol

from ambassador_server.domain.people.principals import Origin, Principal


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secret of a request, from any of the credential headers, and the origin of the request."""

    secret: str
    origin: Origin


class Authenticator(Protocol):
    """One way to authenticate a principal."""

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return the principal, or None for another kind of credentials. Raises NotAuthenticatedError if invalid."""
        ...
