"""The use cases of users for what is their own."""

from dataclasses import dataclass

from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.own_requests import OwnRequests
from ambassador_server.services.credentials.use_cases import UserCredentialUseCases


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnUseCases:
    """A user's own access, requests and credentials."""

    access: OwnAccess
    requests: OwnRequests
    credentials: UserCredentialUseCases
