"""Where people sign in at an issuer, as a port."""

from typing import Protocol

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace


class LoginEndpoints(Protocol):
    """Finds endpoints in the documents of issuers."""

    async def find(self, issuer: Issuer) -> LoginPlace | None:
        """Return the endpoints; None while the document of the issuer cannot be read. Raises no error."""
        ...
