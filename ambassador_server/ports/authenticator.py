"""Authentication of principals, as a port."""

from collections.abc import Awaitable
from typing import Protocol

from msgspec import Struct

from ambassador_server.domain.people.principals import Origin, Principal


class Credentials(Struct, frozen=True):
    """The secret of a request, from any of the credential headers, and the origin of the request."""

    secret: str
    origin: Origin


class Authenticator(Protocol):
    """One way to authenticate a principal."""

    def accepts(self, secret: str) -> bool:
        """Tell whether a secret is of this kind."""
        ...

    def authenticate(self, credentials: Credentials) -> Awaitable[Principal]:
        """Return the principal of credentials of this kind. Raises NotAuthenticatedError if they are invalid."""
        ...
