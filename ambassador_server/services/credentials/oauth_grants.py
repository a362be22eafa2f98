"""What is sealed of the access by OAuth: grants of users, connections that are begun, and registrations."""

import hashlib
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, GrantType, OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.errors import InvalidInputError, VaultDamagedError
from ambassador_server.ports.authorization import (
    AuthorizationRequest,
    DeviceCode,
    Registration,
    ServerMetadata,
    Tokens,
)
from ambassador_server.ports.sealed_rows import SealedKind, SealedRow
from ambassador_server.ports.vault import Sealed, SecretPlace, Vault

_REGISTRATION_FIELD: Final = "oauth registration"
"""No declared field has this name, because of the space."""


def place_of_row(row: SealedRow) -> SecretPlace:
    """Return what a sealed row belongs to."""
    fields = {SealedKind.PENDING: OAUTH_FIELD, SealedKind.REGISTRATION: _REGISTRATION_FIELD}
    return SecretPlace(row.user_id, row.mcp_id, fields.get(row.kind, row.field))


class Grant(Struct, frozen=True, kw_only=True, tag="grant"):
    """The access of one user to the MCP at `url`; only that MCP is sent its tokens.

    `requested` are the scopes that were asked for, `demanded` those that the MCP has demanded since.
    """

    url: str
    server: ServerMetadata
    registration: Registration
    tokens: Tokens
    obtained_at: datetime
    requested: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()


class Begun(Struct, frozen=True, kw_only=True, tag="begun"):
    """What the callback of a browser, or the next question about a device, needs.

    The browser is sent to `return_port` of its own machine at the end, where the command line of the user waits.
    """

    url: str
    server: ServerMetadata
    registration: Registration
    request: AuthorizationRequest | None = None
    device: DeviceCode | None = None
    asked_at: datetime | None = None
    return_port: int | None = None


class GrantVault:
    """Seals and opens what belongs to the access of a user, or to the registrations for an MCP."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, content: Grant | Begun, user_id: str, mcp_id: str) -> Sealed:
        """Seal what belongs to a user."""
        return self._vault.seal(msgspec.json.encode(content), SecretPlace(user_id, mcp_id, OAUTH_FIELD))

    def open(self, key_number: int, sealed: bytes, user_id: str, mcp_id: str) -> Grant | Begun:
        """Return what belongs to a user; raises VaultError."""
        place = SecretPlace(user_id, mcp_id, OAUTH_FIELD)
        try:
            return msgspec.json.decode(
                self._vault.open(Sealed(key_number, sealed), place), type=Grant | Begun
            )
        except msgspec.DecodeError:
            raise VaultDamagedError("A stored grant cannot be read.") from None

    def seal_registration(self, registration: Registration, mcp_id: str) -> Sealed:
        """Seal a registration, which is not of one user."""
        place = SecretPlace("", mcp_id, _REGISTRATION_FIELD)
        return self._vault.seal(msgspec.json.encode(registration), place)

    def open_registration(self, key_number: int, sealed: bytes, mcp_id: str) -> Registration:
        """Return a registration; raises VaultError."""
        place = SecretPlace("", mcp_id, _REGISTRATION_FIELD)
        try:
            return msgspec.json.decode(self._vault.open(Sealed(key_number, sealed), place), type=Registration)
        except msgspec.DecodeError:
            raise VaultDamagedError("A stored registration cannot be read.") from None


def digest_of(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def url_of(mcp: Mcp) -> str:
    """Return the address of an MCP that is accessed over HTTP."""
    return str(mcp.options["url"])


def user_needs(mcp: Mcp) -> OAuthNeeds:
    """Return what an MCP needs of each user by OAuth; raises InvalidInputError if nothing."""
    needs = mcp.credentials.oauth
    if needs is None or needs.grant is not GrantType.USER:
        raise InvalidInputError(f"MCP {mcp.name!r} is not connected to by OAuth")
    return needs
