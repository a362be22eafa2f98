"""Exchanges the sign-in of a user with an issuer for a client key of the machine that the user sits at."""

import uuid
from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus, check_number_of_keys
from ambassador_server.domain.people.new_keys import mint_client_key
from ambassador_server.domain.shared.names import check_name
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.sign_in.code_redemption import RedeemedKey
from ambassador_server.services.sign_in.key_proof import KeyProver, principal_of
from ambassador_server.services.sign_in.organisation_proof import (
    OrganisationProver,
    Presented,
    Proof,
    SignInFaultError,
)


class MachineLogins:
    """Issues client keys, one for each machine of a user; the key that the machine had before ends."""

    def __init__(
        self,
        *,
        prover: OrganisationProver,
        keys: KeyProver,
        changes: Changes,
        clock: Clock,
        lifetime: timedelta,
        pepper: bytes,
    ) -> None:
        self._prover = prover
        self._keys = keys
        self._changes = changes
        self._clock = clock
        self._lifetime = lifetime
        self._pepper = pepper

    async def open(self, presented: Presented, machine: str) -> RedeemedKey:
        """Exchange an ID token for a key.

        Raises the errors of `prove`, InvalidInputError for a machine without a good name, and StoppedError while a
        kill switch stops the user.
        """
        check_name("machine", machine)
        proof = await self._prover.prove(presented, creates_users=True)
        try:
            return await self._issue(proof, presented, machine)
        except SignInFaultError as error:
            raise await self._prover.refused(
                error.fault, proof.issuer, presented.origin, proof.user.name
            ) from None

    @within_deadline
    async def _issue(self, proof: Proof, presented: Presented, machine: str) -> RedeemedKey:
        now = self._clock.now()
        key, secret = mint_client_key(
            self._pepper,
            now,
            user_id=proof.user.user_id,
            name=check_name("key", f"{proof.issuer.name}@{machine}"[:128]),
            lifetime=self._lifetime,
            issuer_id=proof.issuer.issuer_id,
        )
        principal = principal_of(key, proof.user)
        await self._keys.refuse_stopped(principal, presented.origin)
        async with self._changes.open(Requester(None, presented.origin, user_actor(principal))) as change:
            user = await proof.use(change.work)
            keys = await change.work.keys.of(user_id=user.user_id)
            before = [each for each in keys if _is_of_machine(each, key)]
            check_number_of_keys([each for each in keys if each not in before], now)
            if before:
                key = replace(key, meta_tools=before[-1].meta_tools)
            await change.work.keys.add(key)
            for each in before:
                await change.work.keys.replace(replace(each, status=KeyStatus.REVOKED))
            if before:
                await _copy_subscriptions(change.work, before[-1], key)
            change.record(
                AuditAction.SIGN_IN_ACCEPT,
                issuer_resource(proof.issuer),
                key=key.key_id,
                prefix=key.prefix,
                replaces=[each.key_id for each in before],
                expires_at=None if key.expires_at is None else key.expires_at.isoformat(),
            )
        return RedeemedKey(user, key, secret)


def _is_of_machine(key: ClientKey, new: ClientKey) -> bool:
    """Tell whether a key came from the same issuer to the same machine, and is not revoked."""
    same = key.issuer_id == new.issuer_id and key.name == new.name
    return same and key.status is not KeyStatus.REVOKED


async def _copy_subscriptions(work: UnitOfWork, before: ClientKey, key: ClientKey) -> None:
    for each in await work.subscriptions.of(key_id=before.key_id):
        await work.subscriptions.add(replace(each, subscription_id=str(uuid.uuid4()), key_id=key.key_id))
