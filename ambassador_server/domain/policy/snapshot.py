"""Everything decisions are made from, as one immutable value with a version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.groups import Group, Membership
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.grouping import Grouping, gather, put
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope

_KEYS = Grouping[ClientKey, str](lambda key: key.prefix, lambda key: key.key_id)
_GRANTS = Grouping[Grant, tuple[str, str]](
    lambda grant: (grant.group_id, grant.mcp_id), lambda grant: grant.grant_id
)
_SWITCHES = Grouping[KillSwitch, tuple[SwitchScope, str | None]](
    lambda switch: (switch.scope, switch.target), lambda switch: switch.switch_id
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a decision is made, and whether the snapshot is too old to be trusted."""

    now: datetime
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRows:
    """What a store holds of the policy."""

    users: Sequence[User] = ()
    groups: Sequence[Group] = ()
    memberships: Sequence[Membership] = ()
    keys: Sequence[ClientKey] = ()
    mcps: Sequence[Mcp] = ()
    grants: Sequence[Grant] = ()
    switches: Sequence[KillSwitch] = ()
    subscriptions: Sequence[Subscription] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanges:
    """What was touched since an earlier version: each object by its id, None for one that is gone.

    `memberships` has the ids of all groups of each user whose memberships were touched.
    """

    users: Mapping[str, User | None] = field(default_factory=dict)
    groups: Mapping[str, Group | None] = field(default_factory=dict)
    memberships: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Mapping[str, ClientKey | None] = field(default_factory=dict)
    mcps: Mapping[str, Mcp | None] = field(default_factory=dict)
    grants: Mapping[str, Grant | None] = field(default_factory=dict)
    switches: Mapping[str, KillSwitch | None] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The policy of one version; never changed, only replaced."""

    version: int
    users: Mapping[str, User]
    groups: Mapping[str, Group]
    group_ids_of: Mapping[str, tuple[str, ...]]
    user_ids_of: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, ClientKey]
    keys_by_prefix: Mapping[str, tuple[ClientKey, ...]]
    mcps: Mapping[str, Mcp]
    grants: Mapping[tuple[str, str], tuple[Grant, ...]]
    grants_by_id: Mapping[str, Grant]
    switches: Mapping[tuple[SwitchScope, str | None], tuple[KillSwitch, ...]]
    switches_by_id: Mapping[str, KillSwitch]
    subscriptions: Mapping[tuple[str, str], Subscription]
    subscriptions_by_id: Mapping[str, Subscription]

    @classmethod
    def build(cls, version: int, rows: PolicyRows) -> Self:
        """Index the rows of a store; lifted switches and drills stop nothing and are left out."""
        switches = [switch for switch in rows.switches if _may_stop(switch)]
        return cls(
            version=version,
            users={user.user_id: user for user in rows.users},
            groups={group.group_id: group for group in rows.groups},
            group_ids_of=_sorted(gather((m.user_id, m.group_id) for m in rows.memberships)),
            user_ids_of=_sorted(gather((m.group_id, m.user_id) for m in rows.memberships)),
            keys={key.key_id: key for key in rows.keys},
            keys_by_prefix=_KEYS.of(rows.keys),
            mcps={mcp.mcp_id: mcp for mcp in rows.mcps},
            grants=_GRANTS.of(rows.grants),
            grants_by_id={grant.grant_id: grant for grant in rows.grants},
            switches=_SWITCHES.of(switches),
            switches_by_id={switch.switch_id: switch for switch in switches},
            subscriptions={_client_and_mcp(choice): choice for choice in rows.subscriptions},
            subscriptions_by_id={choice.subscription_id: choice for choice in rows.subscriptions},
        )

    def amended(self, version: int, changes: PolicyChanges) -> Self:
        """Return the policy of a later version, equal to one built from all rows.

        Maps in which nothing differs are shared and stay the same objects; the others are copied.
        """
        keys, grants = put(self.keys, changes.keys), put(self.grants_by_id, changes.grants)
        in_force = {
            switch_id: switch if switch is not None and _may_stop(switch) else None
            for switch_id, switch in changes.switches.items()
        }
        switches = put(self.switches_by_id, in_force)
        group_ids_of = put(
            self.group_ids_of, {user: tuple(sorted(ids)) or None for user, ids in changes.memberships.items()}
        )
        return replace(
            self,
            version=version,
            users=put(self.users, changes.users),
            groups=put(self.groups, changes.groups),
            group_ids_of=group_ids_of,
            user_ids_of=self._user_ids_of(group_ids_of, changes.memberships),
            keys=keys,
            keys_by_prefix=_KEYS.amended(self.keys_by_prefix, self.keys, keys, changes.keys),
            mcps=put(self.mcps, changes.mcps),
            grants=_GRANTS.amended(self.grants, self.grants_by_id, grants, changes.grants),
            grants_by_id=grants,
            switches=_SWITCHES.amended(self.switches, self.switches_by_id, switches, in_force),
            switches_by_id=switches,
            subscriptions=self._subscriptions(changes.subscriptions),
            subscriptions_by_id=put(self.subscriptions_by_id, changes.subscriptions),
        )

    def switch_on(self, scope: SwitchScope, target: str | None, now: datetime) -> KillSwitch | None:
        """Return a switch of this scope that stops the target now."""
        for switch in self.switches.get((scope, target), ()):
            if switch.is_active(now):
                return switch
        return None

    def _user_ids_of(
        self, group_ids_of: Mapping[str, tuple[str, ...]], touched: Iterable[str]
    ) -> Mapping[str, tuple[str, ...]]:
        pairs = [
            (user, {*self.group_ids_of.get(user, ())}, {*group_ids_of.get(user, ())}) for user in touched
        ]
        left = gather((group, user) for user, before, after in pairs for group in before - after)
        came = gather((group, user) for user, before, after in pairs for group in after - before)
        members = {
            group: {*self.user_ids_of.get(group, ())} - {*left.get(group, ())} | {*came.get(group, ())}
            for group in left.keys() | came.keys()
        }
        return put(
            self.user_ids_of, {group: tuple(sorted(users)) or None for group, users in members.items()}
        )

    def _subscriptions(
        self, touched: Mapping[str, Subscription | None]
    ) -> Mapping[tuple[str, str], Subscription]:
        left = [self.subscriptions_by_id[each] for each in touched if each in self.subscriptions_by_id]
        changes: dict[tuple[str, str], Subscription | None] = dict.fromkeys(map(_client_and_mcp, left))
        changes |= {_client_and_mcp(choice): choice for choice in touched.values() if choice is not None}
        return put(self.subscriptions, changes)


def _may_stop(switch: KillSwitch) -> bool:
    return switch.lifted_at is None and not switch.drill


def _client_and_mcp(choice: Subscription) -> tuple[str, str]:
    return choice.key_id, choice.mcp_id


def _sorted(gathered: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {place: tuple(sorted(ids)) for place, ids in gathered.items()}
