"""Mints client keys and admin keys; their secrets are returned and never stored."""

import uuid
from datetime import datetime, timedelta

from ambassador_server.domain.people.administrators import AdminKey, Role
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.secrets.tokens import (
    ADMIN_KEY_PREFIX,
    PRESHARED_KEY_PREFIX,
    digest_key,
    mint_key,
    visible_prefix,
)


def mint_client_key(
    pepper: bytes,
    now: datetime,
    *,
    user_id: str,
    name: str,
    lifetime: timedelta | None,
    owner: str | None = None,
    meta_tools: MetaTools = MetaTools.INHERIT,
    issuer_id: str | None = None,
) -> tuple[ClientKey, str]:
    """Return a new client key, which is not stored yet, and its secret."""
    secret = mint_key(PRESHARED_KEY_PREFIX)
    key = ClientKey(
        key_id=str(uuid.uuid4()),
        user_id=user_id,
        name=name,
        prefix=visible_prefix(secret, PRESHARED_KEY_PREFIX),
        digest=digest_key(secret, pepper),
        status=KeyStatus.ACTIVE,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
        last_used_at=None,
        last_host=None,
        owner=owner,
        meta_tools=meta_tools,
        issuer_id=issuer_id,
    )
    return key, secret


def mint_admin_key(
    pepper: bytes,
    now: datetime,
    *,
    name: str,
    roles: tuple[Role, ...],
    lifetime: timedelta | None,
    user_id: str | None = None,
    issuer_id: str | None = None,
    created_by: str,
) -> tuple[AdminKey, str]:
    """Return a new admin key, which is not stored yet, and its secret."""
    secret = mint_key(ADMIN_KEY_PREFIX)
    key = AdminKey(
        admin_key_id=str(uuid.uuid4()),
        name=name,
        prefix=visible_prefix(secret, ADMIN_KEY_PREFIX),
        digest=digest_key(secret, pepper),
        roles=roles,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
        revoked_at=None,
        user_id=user_id,
        created_by=created_by,
        issuer_id=issuer_id,
    )
    return key, secret
