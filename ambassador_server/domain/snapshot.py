"""Everything decisions are made from, as one immutable value with a version."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar

from ambassador_server.domain.catalog import Mcp
from ambassador_server.domain.grants import Grant, Subscription
from ambassador_server.domain.principal import ClientKey, Group, Membership, User
from ambassador_server.domain.switches import KillSwitch, SwitchScope

K = TypeVar("K")
V = TypeVar("V")


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
    switches: Mapping[tuple[SwitchScope, str | None], tuple[KillSwitch, ...]]
    subscriptions: Mapping[tuple[str, str], Subscription]

    @classmethod
    def build(cls, version: int, rows: PolicyRows) -> Self:
        """Index the rows of a store; lifted switches and drills stop nothing and are left out."""
        return cls(
            version=version,
            users={user.user_id: user for user in rows.users},
            groups={group.group_id: group for group in rows.groups},
            group_ids_of=_gather((m.user_id, m.group_id) for m in rows.memberships),
            user_ids_of=_gather((m.group_id, m.user_id) for m in rows.memberships),
            keys={key.key_id: key for key in rows.keys},
            keys_by_prefix=_gather((key.prefix, key) for key in rows.keys),
            mcps={mcp.mcp_id: mcp for mcp in rows.mcps},
            grants=_gather(((grant.group_id, grant.mcp_id), grant) for grant in rows.grants),
            switches=_gather(
                ((switch.scope, switch.target), switch)
                for switch in rows.switches
                if switch.lifted_at is None and not switch.drill
            ),
            subscriptions={(choice.key_id, choice.mcp_id): choice for choice in rows.subscriptions},
        )

    def switch_on(self, scope: SwitchScope, target: str | None, now: datetime) -> KillSwitch | None:
        """Return a switch of this scope that stops the target now."""
        for switch in self.switches.get((scope, target), ()):
            if switch.is_active(now):
                return switch
        return None


def _gather(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    gathered: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        gathered[key].append(value)
    return {key: tuple(values) for key, values in gathered.items()}
