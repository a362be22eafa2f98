"""A user's own credentials: which MCPs need them, and giving, replacing and removing values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, CredentialField, CredentialNeeds
from ambassador_server.domain.catalog.credential_values import check_value
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import Advice, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Missing
from ambassador_server.ports.vault import Vault
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_mcp, refuse_inactive
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.bound_values import bound
from ambassador_server.services.credentials.completeness import Completeness, completeness, lacking
from ambassador_server.services.credentials.stored_credentials import (
    SHOWN_OF_GENERATION,
    changed_values,
    credential_resource,
    find_credential,
    new_credential,
    put_values,
    remove_values,
)
from ambassador_server.services.shared.database_deadline import within_deadline


class ConnectionStatus(StrEnum):
    """How far the access by OAuth is; a dead one was refused for good by the authorization server."""

    CONNECTED = "connected"
    MISSING = "missing"
    DEAD = "dead"


class OwnRights(Protocol):
    """What a user may do of their own."""

    def granted_mcps(self, principal: Principal) -> list[Mcp]:
        """Return the MCPs of which something is granted, by name. Raises PolicyStaleError."""
        ...

    async def requester(self, principal: Principal, origin: Origin) -> Requester:
        """Return the principal as a requester; raises an error if the principal may call nothing now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredential:
    """What an MCP needs of a user and what the user has given; `is_granted` is false once the grant has ended."""

    mcp: Mcp
    given: UserCredential | None
    is_granted: bool

    @property
    def missing(self) -> Missing | None:
        """Return what the user has yet to do."""
        return lacking(self.mcp.credentials, self.given)

    @property
    def completeness(self) -> Completeness:
        """Return whether calls can use it."""
        return completeness(self.mcp.credentials, self.given)

    @property
    def connection_status(self) -> ConnectionStatus:
        """Return how far the access by OAuth is."""
        if self.given is None or not self.has(OAUTH_FIELD):
            return ConnectionStatus.MISSING
        is_dead = self.given.status is CredentialStatus.DEAD
        return ConnectionStatus.DEAD if is_dead else ConnectionStatus.CONNECTED

    def has(self, field: str) -> bool:
        """Tell whether there is a value."""
        return self.given is not None and field in self.given.fields


class OwnCredentials:
    """The use cases of users for their own credentials. No value is ever returned."""

    def __init__(
        self, *, policy: PolicyKeeper, changes: Changes, vault: Vault, rights: OwnRights, clock: Clock
    ) -> None:
        self._policy = policy
        self._changes = changes
        self._vault = vault
        self._rights = rights
        self._clock = clock

    def all(self, principal: Principal) -> list[OwnCredential]:
        """Return those of granted MCPs that need something of each user, and those that the user has given, by name."""
        granted = {mcp.mcp_id for mcp in self._rights.granted_mcps(principal)}
        snapshot, user_id = self._policy.snapshot, principal.user_id
        known = (
            OwnCredential(
                mcp=mcp,
                given=snapshot.credentials.get((user_id, mcp.mcp_id)),
                is_granted=mcp.mcp_id in granted,
            )
            for mcp in sorted(snapshot.mcps.values(), key=lambda mcp: mcp.name)
        )
        return [
            each
            for each in known
            if each.given is not None or (each.is_granted and each.mcp.credentials.is_given_by_users)
        ]

    def one(self, principal: Principal, mcp_name: str) -> OwnCredential:
        """Return that of one MCP; raises NotFoundError if nothing of it is granted or given, or it needs nothing."""
        known = self.all(principal)
        found = next((each for each in known if each.mcp.name == mcp_name), None)
        if found is not None:
            return found
        if any(mcp.name == mcp_name for mcp in self._rights.granted_mcps(principal)):
            raise NotFoundError(
                f"MCP {mcp_name!r} needs no credential of yours", advice=Advice.NEEDS_NO_CREDENTIAL
            )
        similar = near(mcp_name[:100], [each.mcp.name for each in known])
        raise NotFoundError(
            f"No MCP {mcp_name[:100]!r} is granted to you{similar}", advice=Advice.LIST_GRANTED_MCPS
        )

    @within_deadline
    async def set(
        self, principal: Principal, origin: Origin, mcp_name: str, values: Mapping[str, str]
    ) -> OwnCredential:
        """Store values by field; fields that are not named stay, and values that are stored already change nothing.

        Raises NotFoundError as `one` does, and InvalidInputError for an unknown field or a value that cannot be sent.
        """
        requester = await self._rights.requester(principal, origin)
        own = self.one(principal, mcp_name)
        if not own.is_granted:
            raise NotFoundError(f"MCP {mcp_name!r} is not granted to you any more")
        async with self._changes.open(requester) as change:
            work = change.work
            await refuse_inactive(work, principal.user_id)
            # What the MCP needs now may be other than what the policy in memory says.
            mcp = await find_mcp(work, own.mcp.name)
            _check_values(mcp.credentials, values)
            before = await find_credential(work, principal.user_id, mcp.mcp_id)
            fields = {field.name: field for field in mcp.credentials.fields}
            to_seal = {name: bound(mcp, fields[name], value) for name, value in values.items()}
            changed = await changed_values(work, self._vault, before, to_seal)
            if not changed:
                return replace(own, mcp=mcp, given=before)
            now = self._clock.now()
            after = replace(before or new_credential(principal.user_id, mcp.mcp_id, now), updated_at=now)
            given = await put_values(work, self._vault, before, after, changed)
            change.record(
                AuditAction.CREDENTIAL_SET,
                credential_resource(given, mcp),
                user=principal.user_name,
                fields=sorted(changed),
                generation=given.generation[:SHOWN_OF_GENERATION],
            )
        return replace(own, mcp=mcp, given=given)

    @within_deadline
    async def remove(
        self, principal: Principal, origin: Origin, mcp_name: str, field: str | None = None
    ) -> None:
        """Delete a value, or all values that were set; access by OAuth is ended by disconnecting.

        Raises NotFoundError if there is none.
        """
        requester = await self._rights.requester(principal, origin)
        own = self.one(principal, mcp_name)
        async with self._changes.open(requester) as change:
            given = await find_credential(change.work, principal.user_id, own.mcp.mcp_id)
            fields = [] if given is None else [each for each in given.fields if each != OAUTH_FIELD]
            if field is not None:
                fields = [each for each in fields if each == field] or _unknown(own, fields, field)
            if given is None or not fields:
                raise NotFoundError(f"You have given no value for {mcp_name!r}", advice=Advice.NOTHING_TO_DO)
            await remove_values(change.work, given, fields, self._clock.now())
            change.record(
                AuditAction.CREDENTIAL_REMOVE,
                credential_resource(given, own.mcp),
                user=principal.user_name,
                fields=fields,
            )


def _check_values(needs: CredentialNeeds, values: Mapping[str, str]) -> None:
    if not values:
        raise InvalidInputError("values: name at least one field")
    fields = {field.name: field for field in needs.fields}
    for name, value in values.items():
        check_value(_field(needs, fields, name), value)


def _field(needs: CredentialNeeds, fields: Mapping[str, CredentialField], name: str) -> CredentialField:
    if name == OAUTH_FIELD and needs.needs_connect:
        raise InvalidInputError("oauth: access is granted by connecting, not by a value")
    field = fields.get(name)
    if field is None:
        own = [each.name for each in needs.user_fields]
        known = f"; it has {', '.join(own)}" if own else ""
        raise InvalidInputError(f"This MCP has no field {name[:64]!r}{near(name[:64], own) or known}")
    if not field.is_per_user:
        raise InvalidInputError(f"{name}: your administrators give this value for all users")
    return field


def _unknown(own: OwnCredential, given: list[str], field: str) -> list[str]:
    """Raise NotFoundError for a field that has no value."""
    if any(each.name == field for each in own.mcp.credentials.user_fields):
        raise NotFoundError(f"You have given no value for {field!r}", advice=Advice.NOTHING_TO_DO)
    raise NotFoundError(f"There is no value {field[:64]!r}{near(field[:64], given)}")
