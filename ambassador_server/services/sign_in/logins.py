"""Logins of administrators: a password or an ID token is exchanged for an admin key that is valid for hours."""

import uuid
from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import admin_key_resource, issuer_resource
from ambassador_server.domain.people.administrators import Administrator, AdminKey
from ambassador_server.domain.people.new_keys import mint_admin_key
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.role_rules import can_sign_in
from ambassador_server.domain.people.sign_in_claims import SignInFault
from ambassador_server.domain.people.users import User
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.sign_in.organisation_proof import (
    OrganisationProver,
    Presented,
    Proof,
    SignInFaultError,
)
from ambassador_server.services.sign_in.password_proof import PasswordProver

_STORED_AFTER_END = timedelta(days=7)


class Logins:
    """Opens and closes logins."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        prover: PasswordProver,
        organisations: OrganisationProver,
        clock: Clock,
        lifetime: timedelta,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._changes = changes
        self._prover = prover
        self._organisations = organisations
        self._clock = clock
        self._lifetime = lifetime
        self._pepper = pepper

    async def open(
        self, user_name: str, password: str, origin: Origin
    ) -> tuple[AdminKey, str, Administrator]:
        """Return a new login, its secret, which is not stored, and its administrator. Raises the errors of `prove`."""
        proof = await self._prover.prove(user_name, password, origin)
        user = proof.user
        key, secret = self._mint(user)
        administrator = administrator_of(key, user)
        async with self._changes.open(Requester(administrator, origin)) as change:
            stored = await proof.check(change.work)
            if proof.new_hash is not None:
                await change.work.passwords.replace(replace(stored, hash=proof.new_hash))
            await change.work.admin_keys.add(key)
            change.record(AuditAction.ADMIN_OPEN, admin_key_resource(key))
        return key, secret, administrator

    async def open_with_issuer(self, presented: Presented) -> tuple[AdminKey, str, Administrator]:
        """Return a new login of a user with a role, as `open` does. Raises the errors of `prove` for ID tokens.

        A claim never gives a role: administrators give roles to users.
        """
        proof = await self._organisations.prove(presented, creates_users=False)
        try:
            return await self._open_with_issuer(proof, presented.origin)
        except SignInFaultError as error:
            raise await self._organisations.refused(
                error.fault, proof.issuer, presented.origin, proof.user.name
            ) from None

    @within_deadline
    async def _open_with_issuer(self, proof: Proof, origin: Origin) -> tuple[AdminKey, str, Administrator]:
        key, secret = self._mint(proof.user, proof.issuer.issuer_id)
        requester = Requester(administrator_of(key, proof.user), origin)
        async with self._changes.open(requester) as change:
            user = await proof.use(change.work)
            if not can_sign_in(user):
                raise SignInFaultError(SignInFault.NO_ROLE)
            await change.work.admin_keys.add(key)
            change.record(AuditAction.SIGN_IN_ACCEPT, issuer_resource(proof.issuer))
            change.record(AuditAction.ADMIN_OPEN, admin_key_resource(key))
        return key, secret, administrator_of(key, user)

    def _mint(self, user: User, issuer_id: str | None = None) -> tuple[AdminKey, str]:
        return mint_admin_key(
            self._pepper,
            self._clock.now(),
            name=f"login-{uuid.uuid4()}",
            roles=(),
            lifetime=self._lifetime,
            user_id=user.user_id,
            created_by=user.name,
            issuer_id=issuer_id,
        )

    async def close(self, requester: Requester) -> None:
        """End the login of this request. Raises ConflictError if the request was made with an admin key instead."""
        key_id = "" if requester.administrator is None else requester.administrator.admin_key_id
        async with self._changes.open(requester) as change:
            key = await change.work.admin_keys.get(key_id)
            if key is None or not key.is_login:
                raise ConflictError(
                    "This is an admin key, not a login.",
                    advice=Advice.REVOKE_ADMIN_KEY,
                )
            await change.work.admin_keys.replace(replace(key, revoked_at=self._clock.now()))
            change.record(AuditAction.ADMIN_CLOSE, admin_key_resource(key))

    async def forget_expired(self) -> None:
        """Delete the logins that ended more than a week ago; the audit keeps their records."""
        async with self._store.write() as work:
            await work.admin_keys.forget_logins(self._clock.now() - _STORED_AFTER_END)


def administrator_of(key: AdminKey, user: User) -> Administrator:
    """Return the administrator of a login: the user with the current roles."""
    return Administrator(
        admin_key_id=key.admin_key_id,
        name=user.name,
        roles=user.roles,
        expires_at=key.expires_at,
        user_id=user.user_id,
    )
