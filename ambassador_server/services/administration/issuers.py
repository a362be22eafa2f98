"""Issuers: setting, removing and listing them, and explaining what a token would become."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.resources import issuer_resource, key_resource
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.gateway_requests import GatewayFault, Headers, header_claims
from ambassador_server.domain.people.issuers import (
    MOST_ISSUERS,
    MOST_REVOKED,
    Issuer,
    IssuerRules,
    KeySource,
    check_beside,
    check_issuer,
    gateway_url,
    serial_number,
)
from ambassador_server.domain.people.role_rules import check_login_issuer
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_owner
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.token_verifier import Refusal, TokenVerifier
from ambassador_server.services.administration.provisioning import check_describes_no_group, release_described
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_group, find_issuer
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.changes.writing import EventTemplate, Written, write
from ambassador_server.services.sign_in.gateway_proof import BELIEVED
from ambassador_server.services.sign_in.token_reading import TokenReading


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSpec(IssuerRules):
    """An issuer to set. `owner` None leaves the owner as it is, an empty text removes it."""

    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExplanation:
    """What a token would become: whom it names, and the user and the groups of this server; or why it is refused.

    `groups` has each claimed group, with the group of this server that it means, None if it means none.
    """

    issuer: Issuer
    refusal: Refusal | None
    identity: TokenIdentity | None = None
    user_name: str | None = None
    creates_user: bool = False
    groups: Mapping[str, str | None] | None = None


class Issuers:
    """The use cases of administrators for issuers, which take effect from the next request."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        changes: Changes,
        verifier: TokenVerifier,
        reading: TokenReading,
        recorder: Recorder,
        clock: Clock,
        warnings_of: Callable[[Issuer], tuple[str, ...]],
    ) -> None:
        self._store = store
        self._policy = policy
        self._changes = changes
        self._verifier = verifier
        self._reading = reading
        self._recorder = recorder
        self._clock = clock
        self._warnings_of = warnings_of

    async def create(self, requester: Requester, name: str, spec: IssuerSpec) -> Written[Issuer]:
        """Add an issuer. Raises what `put` raises, and ConflictError if there is one of this name."""
        async with self._changes.open(requester) as change:
            if await change.work.issuers.by_name(name) is not None:
                raise ConflictError(f"Issuer {name!r} exists already")
            return await self._put(requester, change, None, name, spec)

    async def put(self, requester: Requester, name: str, spec: IssuerSpec) -> Written[Issuer]:
        """Add an issuer, or replace the one of this name.

        Raises NotFoundError for an unknown group, InvalidInputError for rules that contradict each other, and
        ConflictError if its tokens or groups could be taken for those of another issuer.
        """
        async with self._changes.open(requester) as change:
            before = await change.work.issuers.by_name(name)
            return await self._put(requester, change, before, name, spec)

    async def update(
        self, requester: Requester, name: str, changed: Callable[[Issuer], IssuerSpec]
    ) -> Written[Issuer]:
        """Change an issuer to what `changed` makes of it. Raises NotFoundError, and what `put` raises."""
        async with self._changes.open(requester) as change:
            before = await find_issuer(change.work, name)
            return await self._put(requester, change, before, name, changed(before))

    async def remove(self, requester: Requester, name: str) -> None:
        """Remove an issuer: its tokens are refused from the next request on, and calls in flight with them stop.

        The client keys and logins of those who signed in with it end as well.
        """
        async with self._changes.open(requester) as change:
            issuer = await find_issuer(change.work, name)
            await release_described(change, issuer, self._clock.now())
            await change.work.issuers.remove(issuer.issuer_id)
            await _revoke_keys(change, issuer)
            change.record(AuditAction.ISSUER_REMOVE, issuer_resource(issuer), before=_details(issuer))

    async def revoke(self, requester: Requester, name: str, serial: str) -> Written[Issuer]:
        """Believe a certificate of an authority no more, with effect within a second, also for calls in flight.

        Raises NotFoundError for an unknown authority, ConflictError if the issuer signs no certificates.
        """
        number = serial_number(serial)
        async with self._changes.open(requester) as change:
            before = await self._authority(change, name)
            revoked = tuple(dict.fromkeys((*before.revoked, number)))
            if len(revoked) > MOST_REVOKED:
                raise ConflictError(
                    f"{MOST_REVOKED:,} certificates are revoked already; use a revocation list"
                )
            after = replace(before, revoked=revoked, updated_at=self._clock.now())
            return await write(change, change.work.issuers, before, after, _EVENTS)

    async def restore(self, requester: Requester, name: str, serial: str) -> None:
        """Believe a revoked certificate again. Raises NotFoundError if it is not revoked here."""
        number = serial_number(serial)
        async with self._changes.open(requester) as change:
            before = await self._authority(change, name)
            if number not in before.revoked:
                raise NotFoundError(f"Issuer {name!r} has no revoked certificate {number}")
            left = tuple(each for each in before.revoked if each != number)
            after = replace(before, revoked=left, updated_at=self._clock.now())
            await write(change, change.work.issuers, before, after, _EVENTS)

    async def _authority(self, change: Change, name: str) -> Issuer:
        issuer = await find_issuer(change.work, name)
        if issuer.key_source is not KeySource.CERTIFICATES:
            raise ConflictError(f"Issuer {name!r} signs tokens, no certificates")
        return issuer

    async def get(self, name: str) -> Issuer:
        """Return the issuer of this name. Raises NotFoundError."""
        async with self._store.read() as work:
            return await find_issuer(work, name)

    async def page(self, listing: Listing) -> Slice[Issuer]:
        """Return one page of the issuers."""
        async with self._store.read() as work:
            return await work.issuers.page(listing)

    async def explain(self, requester: Requester, name: str, token: str) -> TokenExplanation:
        """Explain what a token would become; nothing is created, and nothing of the token is recorded."""
        issuer = await self.get(name)
        found = await self._explain(issuer, token.strip())
        await self._record_test(requester, issuer, found)
        return found

    async def explain_headers(self, requester: Requester, name: str, headers: Headers) -> TokenExplanation:
        """Explain what headers of a gateway would become; nothing is created. Raises InvalidInputError for others."""
        issuer = await self.get(name)
        if not issuer.is_gateway:
            raise InvalidInputError(f"Issuer {name!r} signs tokens: test a token of it")
        claims = header_claims(headers, issuer)
        expires_at = self._clock.now() + BELIEVED
        identity = (
            Refusal(TokenFault.NO_USER_NAME, claims)
            if isinstance(claims, GatewayFault)
            else self._reading.of_claims(issuer, claims, expires_at)
        )
        found = (
            TokenExplanation(issuer=issuer, refusal=identity)
            if isinstance(identity, Refusal)
            else self._become(issuer, identity)
        )
        await self._record_test(requester, issuer, found)
        return found

    async def _record_test(self, requester: Requester, issuer: Issuer, found: TokenExplanation) -> None:
        await self._recorder.event(
            AuditAction.ISSUER_TEST,
            Outcome.SUCCEEDED if found.refusal is None else Outcome.DENIED,
            actor=requester.actor,
            resource=issuer_resource(issuer),
            origin=requester.origin,
            reason=None if found.refusal is None else found.refusal.fault,
        )

    async def _explain(self, issuer: Issuer, token: str) -> TokenExplanation:
        other = self._reading.misassigned(token, issuer)
        if other is not None:
            return TokenExplanation(issuer=issuer, refusal=other)
        identity = await self._reading.identity(token, issuer)
        if isinstance(identity, Refusal):
            return TokenExplanation(issuer=issuer, refusal=identity)
        return self._become(issuer, identity)

    def _become(self, issuer: Issuer, identity: TokenIdentity) -> TokenExplanation:
        user = self._reading.user_of(issuer, identity)
        creates = user is TokenFault.UNKNOWN_USER and issuer.creates_users
        known = {group.name for group in self._policy.snapshot.groups.values()}
        meant = {each: issuer.group_name(each) for each in identity.groups}
        return TokenExplanation(
            issuer=issuer,
            refusal=Refusal(user) if isinstance(user, TokenFault) and not creates else None,
            identity=identity,
            user_name=identity.user_name if isinstance(user, TokenFault) else user.name,
            creates_user=creates,
            groups={each: group if group in known else None for each, group in meant.items()},
        )

    async def _put(
        self, requester: Requester, change: Change, before: Issuer | None, name: str, spec: IssuerSpec
    ) -> Written[Issuer]:
        issuer = self._issuer(requester, before, name, spec)
        check_issuer(issuer)
        self._verifier.check(issuer)
        if before is not None and before.group_prefix != issuer.group_prefix:
            await check_describes_no_group(change.work, before)
        check_login_issuer(requester.administrator, issuer, self._policy.snapshot.users.values())
        others = await change.work.issuers.all()
        check_beside(issuer, others)
        if before is None and len(others) >= MOST_ISSUERS:
            raise ConflictError(f"There are {MOST_ISSUERS} issuers already, which is the maximum")
        await _check_groups(change.work, issuer)
        warnings = self._warnings_of(issuer)
        change.warnings += warnings
        written = await write(change, change.work.issuers, before, issuer, _EVENTS)
        return replace(written, warnings=warnings)

    def _issuer(self, requester: Requester, before: Issuer | None, name: str, spec: IssuerSpec) -> Issuer:
        now = self._clock.now()
        given = {each.name: getattr(spec, each.name) for each in fields(IssuerRules)}
        return Issuer(
            **given,
            issuer_id=str(uuid.uuid4()) if before is None else before.issuer_id,
            name=name,
            owner=(None if before is None else before.owner)
            if spec.owner is None
            else check_owner(spec.owner),
            created_at=now if before is None else before.created_at,
            created_by=requester.actor.name or requester.actor.kind if before is None else before.created_by,
            updated_at=now,
            # Only `restore` makes a revoked certificate good again.
            revoked=() if before is None else before.revoked,
        )


def issuer_warnings(issuer: Issuer, *, public_url: str | None, gateway: str | None) -> tuple[str, ...]:
    """Return what keeps people from using an issuer on a server with this URL, and this API gateway or none."""
    if issuer.key_source is KeySource.CERTIFICATES:
        return ()
    if not issuer.is_gateway:
        return () if public_url else (_NO_PUBLIC_URL,)
    return () if gateway is not None and issuer.url == gateway_url(gateway) else (_OTHER_GATEWAY,)


_NO_PUBLIC_URL = (
    "The server has no public_url, so applications are not told where to log in; tokens of them are accepted."
)
_OTHER_GATEWAY = (
    "This server has no gateway of that name in its configuration, so it believes no such headers."
)


async def _revoke_keys(change: Change, issuer: Issuer) -> None:
    """Revoke the client keys of a removed issuer; its logins are refused because there is no such issuer."""
    for key in await change.work.keys.of(issuer_id=issuer.issuer_id):
        if key.status is not KeyStatus.REVOKED:
            await change.work.keys.replace(replace(key, status=KeyStatus.REVOKED))
            change.record(AuditAction.KEY_REVOKE, key_resource(key), prefix=key.prefix, issuer=issuer.name)


async def _check_groups(work: UnitOfWork, issuer: Issuer) -> None:
    for group in {*issuer.group_map.values()}:
        await find_group(work, group)


def _details(issuer: Issuer) -> dict[str, Any]:
    return {**issuer.members(), "owner": issuer.owner, "revoked": list(issuer.revoked)}


_EVENTS = EventTemplate(
    created=AuditAction.ISSUER_CREATE,
    updated=AuditAction.ISSUER_UPDATE,
    resource=issuer_resource,
    details=_details,
)
