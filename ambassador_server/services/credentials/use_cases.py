"""The use cases for credentials, by the people that they serve."""

from dataclasses import dataclass

from ambassador_server.services.credentials.connected_users import ConnectedUsers
from ambassador_server.services.credentials.oauth_flow import Connecting
from ambassador_server.services.credentials.own_credentials import OwnCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCredentialUseCases:
    """What users do with their own credentials: values, access by OAuth, and how it is granted."""

    own: OwnCredentials
    connected: ConnectedUsers
    connecting: Connecting
