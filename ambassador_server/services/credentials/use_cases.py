"""The use cases for credentials, by the people that they serve."""

from dataclasses import dataclass

from ambassador_server.services.credentials.own_credentials import OwnCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCredentialUseCases:
    """What users do with their own credentials."""

    own: OwnCredentials
