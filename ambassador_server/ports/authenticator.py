"""What proves a principal."""

from dataclasses import dataclass
from typing import Protocol

from ambassador_server.domain.people.principals import Origin, Principal


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request offered, whatever header it came in."""

    secret: str
    origin: Origin


class Authenticator(Protocol):
    """One way to prove a principal; None means "not mine", NotAuthenticatedError means "mine and wrong"."""

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return who this is."""
        ...
