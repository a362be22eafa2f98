"""Writes and removes the values of a user's credential in an open transaction."""

import hmac
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus, StoredSecret, UserCredential
from ambassador_server.domain.people.oauth_records import PendingConnection
from ambassador_server.errors import VaultError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.ports.vault import Sealed, SecretPlace, Vault
from ambassador_server.services.changes.audited_change import Change

REVOCATION: Final = "revocation-"
SHOWN_OF_GENERATION: Final = 8
"""So many characters of a generation are recorded, which is enough to tell two apart."""
_FIRST_VERSIONS: Final = 1 << 48


async def find_credential(work: UnitOfWork, user_id: str, mcp_id: str) -> UserCredential | None:
    """Return the credential of a user for an MCP."""
    found = await work.credentials.of(user_id=user_id, mcp_id=mcp_id)
    return found[0] if found else None


def new_generation() -> str:
    """Return the generation of a credential that a person has changed."""
    return secrets.token_hex(8)


def new_credential(user_id: str, mcp_id: str, now: datetime) -> UserCredential:
    """Return a credential without values."""
    return UserCredential(
        credential_id=str(uuid.uuid4()),
        user_id=user_id,
        mcp_id=mcp_id,
        fields=(),
        generation=new_generation(),
        status=CredentialStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )


async def changed_values(
    work: UnitOfWork, vault: Vault, given: UserCredential | None, values: Mapping[str, str]
) -> dict[str, str]:
    """Return the values that are not stored already; one that cannot be opened counts as another."""
    if given is None:
        return dict(values)
    stored = {secret.field: secret for secret in await work.secrets.of(given.credential_id)}
    return {
        field: value
        for field, value in values.items()
        if field not in stored or not _holds(vault, given, stored[field], value)
    }


async def put_values(
    work: UnitOfWork,
    vault: Vault,
    before: UserCredential | None,
    after: UserCredential,
    values: Mapping[str, str],
    *,
    expires_at: datetime | None = None,
) -> UserCredential:
    """Store values beside those of other fields, under a new generation; `after` has what else has changed."""
    fields = tuple(sorted({*after.fields, *values}))
    written = replace(after, fields=fields, generation=new_generation())
    if before is None:
        await work.credentials.add(written)
    else:
        await work.credentials.replace(written)
    versions = {secret.field: secret.version for secret in await work.secrets.of(written.credential_id)}
    for field, value in values.items():
        # Sealed while no other transaction writes, so that a rotation sees every value of an older key.
        sealed = vault.seal(value.encode(), place_of(written, field))
        await work.secrets.put(
            StoredSecret(
                credential_id=written.credential_id,
                field=field,
                key_number=sealed.key_number,
                sealed=sealed.content,
                # A value that was removed and given again has another version, so that nobody takes it for the old one.
                version=versions.get(field, secrets.randbelow(_FIRST_VERSIONS)) + 1,
                expires_at=expires_at,
            )
        )
    return written


async def remove_values(
    work: UnitOfWork, given: UserCredential, fields: Collection[str], now: datetime
) -> UserCredential | None:
    """Delete values, and the credential if nothing is left of it; return what is left."""
    left = tuple(field for field in given.fields if field not in fields)
    if not left:
        await work.credentials.remove(given.credential_id)
        return None
    for field in fields:
        await work.secrets.remove(given.credential_id, field)
    rest = replace(given, fields=left, generation=new_generation(), updated_at=now)
    await work.credentials.replace(rest)
    return rest


class RevokedBecause(StrEnum):
    """Why a credential was revoked."""

    REVOKED = "revoked"
    DEACTIVATED = "deactivated"
    STOPPED = "stopped"


async def revoke(
    change: Change, credentials: Iterable[UserCredential], because: RevokedBecause, now: datetime
) -> None:
    """Delete credentials of users with their values, each with a record of its own."""
    for given in credentials:
        await keep_to_revoke(change.work, given, now)
        await change.work.credentials.remove(given.credential_id)
        await _record_revocation(change, given, given.fields, because)


async def revoke_grants(
    change: Change, credentials: Iterable[UserCredential], because: RevokedBecause, now: datetime
) -> int:
    """Delete the access by OAuth alone, each with a record of its own, and return how many there were.

    Values that users have set stay.
    """
    ended = 0
    for given in credentials:
        if OAUTH_FIELD in given.fields:
            ended += 1
            await keep_to_revoke(change.work, given, now)
            await remove_values(change.work, without_grant(given), (OAUTH_FIELD,), now)
            await _record_revocation(change, given, (OAUTH_FIELD,), because)
    return ended


def without_grant(given: UserCredential) -> UserCredential:
    """Return a credential without what is known of its access by OAuth."""
    return replace(given, status=CredentialStatus.ACTIVE, scopes=(), issuer=None)


async def _record_revocation(
    change: Change, given: UserCredential, fields: Iterable[str], because: RevokedBecause
) -> None:
    user, mcp = await change.work.users.get(given.user_id), await change.work.mcps.get(given.mcp_id)
    change.record(
        AuditAction.CREDENTIAL_REVOKE,
        Resource(kind="credential", id=given.credential_id, name=None if mcp is None else mcp.name),
        user=None if user is None else user.name,
        fields=list(fields),
        because=because,
    )


async def keep_to_revoke(work: UnitOfWork, given: UserCredential, now: datetime) -> PendingConnection | None:
    """Keep the grant of a credential that is about to be deleted: a job revokes it at its provider, too."""
    grant = await work.secrets.get(given.credential_id, OAUTH_FIELD)
    if grant is None:
        return None
    row = PendingConnection(
        pending_id=revocation_id(),
        user_id=given.user_id,
        mcp_id=given.mcp_id,
        key_number=grant.key_number,
        sealed=grant.sealed,
        created_at=now,
        expires_at=now,
    )
    await work.pending.add(row)
    return row


def revocation_id() -> str:
    """Return the id of a grant that is to be revoked, which is no digest of a ticket."""
    return f"{REVOCATION}{secrets.token_hex(16)}"


def place_of(credential: UserCredential, field: str) -> SecretPlace:
    """Return what a value of the credential belongs to."""
    return SecretPlace(credential.user_id, credential.mcp_id, field)


def credential_resource(credential: UserCredential, mcp: Mcp) -> Resource:
    """Return the resource for events about a credential."""
    return Resource(kind="credential", id=credential.credential_id, name=mcp.name)


def _holds(vault: Vault, given: UserCredential, stored: StoredSecret, value: str) -> bool:
    try:
        known = vault.open(Sealed(stored.key_number, stored.sealed), place_of(given, stored.field))
    except VaultError:
        return False
    return hmac.compare_digest(known, value.encode())
