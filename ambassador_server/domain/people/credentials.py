"""The credential of a user for an MCP: its state, and the sealed values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CredentialStatus(StrEnum):
    """Whether a credential can be used; a dead one was refused for good by the authorization server."""

    ACTIVE = "active"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCredential:
    """What a user has given for an MCP, without any value.

    `fields` names what has a value. `generation` differs after every change by a person, not after a refresh of a
    token. `scopes` and `issuer` are those of an OAuth grant.
    """

    credential_id: str
    user_id: str
    mcp_id: str
    fields: tuple[str, ...]
    generation: str
    status: CredentialStatus
    created_at: datetime
    updated_at: datetime
    scopes: tuple[str, ...] = ()
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """One sealed value of a credential.

    `key_number` is that of the master key. `version` rises with each write, so that two writers notice each other.
    `expires_at` is set for a token. Until `locked_until` one server alone refreshes it.
    """

    credential_id: str
    field: str
    key_number: int
    sealed: bytes
    version: int = 1
    expires_at: datetime | None = None
    locked_until: datetime | None = None


def state_of(given: UserCredential | None) -> tuple[str, CredentialStatus] | None:
    """Return what differs after a change by a person, but not after the refresh of a token; None for no credential."""
    return None if given is None else (given.generation, given.status)
