"""A user's own access: status, key rotation, granted MCPs and subscriptions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.domain.policy.grants import CapabilityPatterns
from ambassador_server.domain.policy.incremental_index import collect
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import (
    Advice,
    ConflictError,
    InvalidInputError,
    InvalidKeyError,
    NotAuthenticatedError,
    NotFoundError,
)
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.missing_credentials import denial_for_lack
from ambassador_server.services.administration.own_offers import OfferedMcp, offer_of
from ambassador_server.services.administration.own_stops import stops_on
from ambassador_server.services.administration.pattern_checks import check_known
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_key
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.sessions import Sessions

LONGEST_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownToken:
    """The issuer of an access token or a certificate, its end, and the serial number of a certificate."""

    issuer: str
    serial: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStatus:
    """A principal's user, groups, and key and session, or the token in place of a key.

    `tools` is how many tools the principal may call; `refused` is set if nothing is permitted at all; `stops` are the
    kill switches that stop the principal or granted tools. `missing` names the granted MCPs that need a credential
    which the user has not given. `meta_tools` tells whether hosts search the tools instead of listing them.
    """

    user: User
    groups: tuple[str, ...]
    key: ClientKey | None
    token: ShownToken | None
    session: Session | None
    tools: int
    refused: Reason | None
    stops: tuple[KillSwitch, ...]
    missing: tuple[str, ...]
    meta_tools: bool


@dataclass(frozen=True, slots=True)
class ChangedOffer:
    """An MCP after its selection was changed; `warnings` name the patterns that match nothing of it."""

    offer: OfferedMcp
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """A new key, its secret, which is not stored, and when the old key expires."""

    key: ClientKey
    secret: str
    old_ends_at: datetime


class OwnAccess:
    """The use cases of users for their own access; they affect the principal's key alone."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        catalog: Catalog,
        changes: Changes,
        sessions: Sessions,
        prover: KeyProver,
        keys: ClientKeys,
        subscriptions: Subscriptions,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._changes = changes
        self._sessions = sessions
        self._prover = prover
        self._keys = keys
        self._subscriptions = subscriptions

    def status(self, principal: Principal) -> OwnStatus:
        """Return the status of the principal."""
        snapshot, policy = self._policy.snapshot, self._rules(principal)
        user, key = snapshot.users.get(principal.user_id), snapshot.keys.get(principal.key_id)
        token = _shown_token(principal)
        if user is None or (key is None and token is None):
            raise NotAuthenticatedError("Valid session token required")
        group_ids = snapshot.group_ids_for(principal)
        tools = self._catalog.index().tools
        return OwnStatus(
            user=user,
            groups=tuple(sorted(snapshot.groups[each].name for each in group_ids if each in snapshot.groups)),
            key=key,
            token=token,
            session=self._sessions.held(principal),
            tools=0
            if policy.denial is not None
            else len(self._catalog.permitted(principal, tools)) + len(self._catalog.own_tools(principal)),
            refused=None if policy.denial is None else policy.denial.reason,
            stops=stops_on(policy, self._catalog.index().every()) if snapshot.switches else (),
            missing=tuple(
                mcp.name
                for mcp in sorted(snapshot.mcps.values(), key=lambda mcp: mcp.name)
                if denial_for_lack(snapshot, user.user_id, mcp) and policy.delivery_of(mcp.mcp_id)
            ),
            meta_tools=snapshot.has_meta_tools(principal),
        )

    def offers(self, principal: Principal) -> list[OfferedMcp]:
        """Return the MCPs of which something is granted, by name, with what the principal may know of them.

        Raises PolicyStaleError.
        """
        moment, mcps = self._policy.confirmed_moment(), self._policy.snapshot.mcps.values()
        policy = PrincipalPolicy(self._policy.snapshot, principal, moment)
        entries = collect((entry.ref.mcp_id, entry) for entry in self._catalog.index().every())
        offers = (
            self._offer(policy, principal, mcp, entries.get(mcp.mcp_id, ()))
            for mcp in sorted(mcps, key=lambda mcp: mcp.name)
        )
        return [offer for offer in offers if offer is not None]

    def granted_mcps(self, principal: Principal) -> list[Mcp]:
        """Return the MCPs of which something is granted, by name. Raises PolicyStaleError."""
        return [offer.mcp for offer in self.offers(principal)]

    async def requester(self, principal: Principal, origin: Origin) -> Requester:
        """Return the principal as a requester; raises an error if the principal may call nothing now."""
        self._policy.confirmed_moment()
        await self._prover.refuse_stopped(principal, origin)
        if self._rules(principal).denial is not None:
            raise InvalidKeyError("Invalid or inactive key")
        return Requester(None, origin, user_actor(principal))

    async def _key_requester(self, principal: Principal, origin: Origin) -> Requester:
        """Return a principal with a client key as a requester; raises ConflictError for one with a token."""
        requester = await self.requester(principal, origin)
        if principal.token is not None:
            raise ConflictError(
                "This belongs to client keys, and the request comes with a token or a certificate alone",
                advice=Advice.ASK_FOR_KEY,
            )
        return requester

    @within_deadline
    async def rotate(
        self, principal: Principal, origin: Origin, preshared_key: str, *, overlap: timedelta
    ) -> RotatedKey:
        """Issue a key in place of the principal's key, which stays valid for the overlap.

        `preshared_key` must be that key: a session token is short-lived and must not become a key that is not. An
        earlier replacement that was never used is revoked. Raises InvalidKeyError, RateLimitedError, and ConflictError
        if an earlier replacement was used, because the caller may then have a stolen copy of the old key.
        """
        if not timedelta() < overlap <= LONGEST_OVERLAP:
            raise InvalidInputError("overlap_seconds: from one second to 30 days")
        requester = await self._key_requester(principal, origin)
        await self._prover.prove(preshared_key, origin, key_id=principal.key_id)
        async with self._changes.together(requester), self._changes.open(requester) as change:
            withdrawn = await self._withdraw_unused(change.work, principal)
            # A replaced key expires with its overlap; its original expiry is that of its replacement.
            replaced = withdrawn or await find_key(change.work, principal.key_id)
            expiry = await self._keys.expiry_of_replacement(change.work, replaced)
            key, secret = await self._keys.rotate(requester, principal.key_id, overlap=overlap, expiry=expiry)
            old = await find_key(change.work, principal.key_id)
        return RotatedKey(key, secret, old.expires_at or key.created_at + overlap)

    @within_deadline
    async def subscribe(
        self,
        principal: Principal,
        origin: Origin,
        mcp_name: str,
        named: CapabilityPatterns,
        *,
        allow_unmatched: bool = False,
    ) -> ChangedOffer:
        """Select for the principal's key among what is granted of an MCP, and return the MCP as it is after that.

        Raises NotFoundError for an MCP that does not exist or of which nothing is granted, and InvalidInputError for
        patterns that match nothing and are not selected already, unless `allow_unmatched`.
        """
        requester = await self._key_requester(principal, origin)
        offer = self._find_offer(principal, mcp_name)
        added = named
        if offer.subscription is not None:
            added = named.without(offer.subscription.named, offer.mcp.name)
        # Compared with what the user may know of: which patterns match would tell the names of what is hidden.
        check = partial(check_known, allow_unmatched=allow_unmatched)
        warnings = await off_loop(check, offer.mcp, added, offer.names)
        await self._subscriptions.set(requester, principal.key_id, mcp_name, named)
        return ChangedOffer(self._find_offer(principal, mcp_name), warnings)

    @within_deadline
    async def unsubscribe(self, principal: Principal, origin: Origin, mcp_name: str) -> None:
        """Remove the subscription of the principal's key to an MCP."""
        requester = await self._key_requester(principal, origin)
        self._find_offer(principal, mcp_name)
        await self._subscriptions.remove(requester, principal.key_id, mcp_name)

    @within_deadline
    async def choose_meta_tools(self, principal: Principal, origin: Origin, choice: MetaTools) -> OwnStatus:
        """Choose whether hosts with the principal's key search tools or list them, and return the status after that.

        It permits nothing, so a user may choose either.
        """
        requester = await self._key_requester(principal, origin)
        await self._keys.update(requester, principal.key_id, meta_tools=choice)
        return self.status(principal)

    async def _withdraw_unused(self, work: UnitOfWork, principal: Principal) -> ClientKey | None:
        """Revoke an earlier replacement of the key that was never used, and return it.

        Raises ConflictError for a replacement that was used or is suspended.
        """
        old, withdrawn = await find_key(work, principal.key_id), None
        for key in await work.keys.of(user_id=principal.user_id):
            if key.replaces == old.key_id and key.status is not KeyStatus.REVOKED:
                if key.last_used_at is not None or self._prover.was_used(key.key_id):
                    raise ConflictError(
                        "This key has been replaced already, and the new one is in use",
                        advice=Advice.USE_NEW_KEY,
                    )
                if key.status is KeyStatus.SUSPENDED:
                    raise ConflictError(
                        "This key has been replaced already, and the new one is suspended",
                        advice=Advice.ASK_ADMINISTRATOR,
                    )
                await work.keys.replace(replace(key, status=KeyStatus.REVOKED))
                withdrawn = key
        return withdrawn

    def _find_offer(self, principal: Principal, mcp_name: str) -> OfferedMcp:
        mcp = next((each for each in self._policy.snapshot.mcps.values() if each.name == mcp_name), None)
        offer = None
        if mcp is not None:
            entries = [each for each in self._catalog.index().every() if each.ref.mcp_id == mcp.mcp_id]
            offer = self._offer(self._rules(principal), principal, mcp, entries)
        if offer is None:
            raise NotFoundError(
                f"No MCP {mcp_name[:100]!r} is granted to you", advice=Advice.LIST_GRANTED_MCPS
            )
        return offer

    def _offer(
        self, policy: PrincipalPolicy, principal: Principal, mcp: Mcp, entries: Sequence[CatalogEntry]
    ) -> OfferedMcp | None:
        snapshot = self._policy.snapshot
        subscription = snapshot.subscriptions.get((principal.key_id, mcp.mcp_id))
        lack = denial_for_lack(snapshot, principal.user_id, mcp)
        return offer_of(mcp, entries, policy, subscription, lack)

    def _rules(self, principal: Principal) -> PrincipalPolicy:
        return PrincipalPolicy(self._policy.snapshot, principal, self._policy.current_moment())


def _shown_token(principal: Principal) -> ShownToken | None:
    token = principal.token
    if token is None:
        return None
    return ShownToken(issuer=principal.key_name, serial=token.serial, expires_at=token.expires_at)
