"""The credentials of users as administrators see them: state, never a value; and revoking."""

from collections.abc import Iterable
from dataclasses import dataclass

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import Advice, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Missing
from ambassador_server.ports.store import Store
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_mcp, find_user
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.completeness import Completeness, completeness, lacking
from ambassador_server.services.credentials.stored_credentials import RevokedBecause, revoke


@dataclass(frozen=True, slots=True, kw_only=True)
class McpState:
    """How far the users of an MCP are, by name."""

    mcp: Mcp
    complete: tuple[str, ...]
    missing: tuple[str, ...]
    dead: tuple[str, ...]


class CredentialAdministration:
    """The use cases of administrators for the credentials of users."""

    def __init__(self, *, store: Store, policy: PolicyKeeper, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._changes = changes
        self._clock = clock

    async def page(self, listing: Listing) -> Slice[UserCredential]:
        """Return one page of what users have given."""
        async with self._store.read() as work:
            return await work.credentials.page(listing)

    def missing(self, given: UserCredential) -> Missing | None:
        """Return what a user has yet to do for the MCP of a credential."""
        mcp = self._policy.snapshot.mcps.get(given.mcp_id)
        return None if mcp is None else lacking(mcp.credentials, given)

    def overview(self, mcp_name: str | None) -> list[McpState]:
        """Return the state of one MCP, or of all that need credentials, by name; raises NotFoundError."""
        snapshot = self._policy.snapshot
        mcps = [
            mcp
            for mcp in snapshot.mcps.values()
            if mcp_name == mcp.name or (mcp_name is None and mcp.credentials.declares_any)
        ]
        if mcp_name is not None and not mcps:
            raise NotFoundError(f"No MCP {mcp_name[:100]!r}")
        return [self._state(snapshot, mcp) for mcp in sorted(mcps, key=lambda mcp: mcp.name)]

    async def revoke(
        self, requester: Requester, *, user: str | None, mcp: str | None
    ) -> list[UserCredential]:
        """Delete the credential of a user for an MCP, or all of a user, or all for an MCP; calls lose it at once.

        Raises NotFoundError if there is none.
        """
        if user is None and mcp is None:
            raise InvalidInputError("user, mcp: name at least one")
        async with self._changes.open(requester) as change:
            owners: dict[str, str] = {}
            if user is not None:
                owners["user_id"] = (await find_user(change.work, user)).user_id
            if mcp is not None:
                owners["mcp_id"] = (await find_mcp(change.work, mcp)).mcp_id
            found = await change.work.credentials.of(**owners)
            if not found:
                whose = " ".join(part for part in (user and f"of {user!r}", mcp and f"for {mcp!r}") if part)
                raise NotFoundError(f"There is no credential {whose}", advice=Advice.NOTHING_TO_DO)
            await revoke(change, found, RevokedBecause.REVOKED, self._clock.now())
        return found

    def _state(self, snapshot: Snapshot, mcp: Mcp) -> McpState:
        names: dict[Completeness, list[str]] = {each: [] for each in Completeness}
        for user in self._users_of(snapshot, mcp):
            given = snapshot.credentials.get((user.user_id, mcp.mcp_id))
            names[completeness(mcp.credentials, given)].append(user.name)
        return McpState(
            mcp=mcp,
            complete=tuple(sorted(names[Completeness.COMPLETE])),
            missing=tuple(sorted(names[Completeness.MISSING])),
            dead=tuple(sorted(names[Completeness.DEAD])),
        )

    def _users_of(self, snapshot: Snapshot, mcp: Mcp) -> Iterable[User]:
        """Return the active users who have a grant of something of the MCP, themselves or in a group."""
        now = self._clock.now()
        subject_ids = {
            subject_id
            for subject_id, grants in snapshot.grants.get(mcp.mcp_id, {}).items()
            if any(grant.effect is Effect.PERMIT and not grant.has_expired(now) for grant in grants)
        }
        groups = (snapshot.groups.get(each) for each in subject_ids)
        members = {
            user_id
            for group in groups
            if group is not None and group.status is GroupStatus.ACTIVE
            for user_id in snapshot.user_ids_of.get(group.group_id, ())
        }
        users = (snapshot.users.get(user_id) for user_id in members | subject_ids)
        return (user for user in users if user is not None and user.status is UserStatus.ACTIVE)
