"""The policy: everything that decisions depend on, as one immutable value with a version."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self, TypeVar

from msgspec import Struct

from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.argument_checks import ArgumentCheck, refuse_every_argument
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.incremental_index import Index, TwoLevelIndex, collect, with_changes
from ambassador_server.domain.policy.limits import Limit, LimitIndex
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.domain.policy.trusted_issuers import TrustedIssuers

T = TypeVar("T")

CheckCompiler = Callable[[str], ArgumentCheck]
"""Takes the constraints of a grant; must return the same check for the same constraints."""

_KEYS_BY_PREFIX = Index[ClientKey, str](lambda key: key.prefix, lambda key: key.key_id)
_GRANTS_BY_MCP_AND_SUBJECT = TwoLevelIndex[Grant, str, str](
    lambda grant: grant.mcp_id, Index(lambda grant: grant.subject_id, lambda grant: grant.grant_id)
)
_SWITCHES_BY_TARGET = Index[KillSwitch, tuple[SwitchScope, str | None]](
    lambda switch: (switch.scope, switch.target), lambda switch: switch.switch_id
)


class Moment(Struct, frozen=True):
    """The time of a decision, and whether the snapshot is too old to decide by."""

    now: datetime
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRows:
    """The policy as a store holds it; `memberships` maps each user to the ids of its groups."""

    users: Sequence[User] = ()
    groups: Sequence[Group] = ()
    memberships: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[ClientKey] = ()
    mcps: Sequence[Mcp] = ()
    approved: Sequence[ApprovedTools] = ()
    grants: Sequence[Grant] = ()
    switches: Sequence[KillSwitch] = ()
    limits: Sequence[Limit] = ()
    subscriptions: Sequence[Subscription] = ()
    credentials: Sequence[UserCredential] = ()
    issuers: Sequence[Issuer] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanges:
    """The objects that were touched since an earlier version, by id; None for one that was removed.

    `memberships` maps each user whose memberships were touched to the ids of all its groups.
    """

    users: Mapping[str, User | None] = field(default_factory=dict)
    groups: Mapping[str, Group | None] = field(default_factory=dict)
    memberships: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Mapping[str, ClientKey | None] = field(default_factory=dict)
    mcps: Mapping[str, Mcp | None] = field(default_factory=dict)
    approved: Mapping[str, ApprovedTools | None] = field(default_factory=dict)
    grants: Mapping[str, Grant | None] = field(default_factory=dict)
    switches: Mapping[str, KillSwitch | None] = field(default_factory=dict)
    limits: Mapping[str, Limit | None] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription | None] = field(default_factory=dict)
    credentials: Mapping[str, UserCredential | None] = field(default_factory=dict)
    issuers: Mapping[str, Issuer | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The policy of one version."""

    version: int
    users: Mapping[str, User]
    groups: Mapping[str, Group]
    group_ids_of: Mapping[str, tuple[str, ...]]
    user_ids_of: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, ClientKey]
    keys_by_prefix: Mapping[str, tuple[ClientKey, ...]]
    mcps: Mapping[str, Mcp]
    approved: Mapping[str, ApprovedTools]
    grants: Mapping[str, Mapping[str, tuple[Grant, ...]]]
    """By MCP, and then by the group or user that they are for."""
    grants_by_id: Mapping[str, Grant]
    switches: Mapping[tuple[SwitchScope, str | None], tuple[KillSwitch, ...]]
    switches_by_id: Mapping[str, KillSwitch]
    limits: LimitIndex | None
    """None if there are no limits."""
    limits_by_id: Mapping[str, Limit]
    subscriptions: Mapping[tuple[str, str], Subscription]
    subscriptions_by_id: Mapping[str, Subscription]
    credentials: Mapping[tuple[str, str], UserCredential]
    """By user and MCP."""
    credentials_by_id: Mapping[str, UserCredential]
    issuers: TrustedIssuers | None
    """None if there are none."""
    compile_check: CheckCompiler
    checks: Mapping[str, ArgumentCheck]
    """Those of the grants with constraints, by the id of the grant."""

    @classmethod
    def build(cls, version: int, rows: PolicyRows, compile_check: CheckCompiler | None = None) -> Self:
        """Index the rows of a store; leaves out lifted switches and drills, which stop nothing.

        Without `compile_check`, a grant with constraints permits no call.
        """
        compiled = compile_check or _refuse_all
        switches = [switch for switch in rows.switches if _may_stop(switch)]
        groups = {group.group_id: group for group in rows.groups}
        return cls(
            version=version,
            users={user.user_id: user for user in rows.users},
            groups=groups,
            group_ids_of={user: tuple(sorted(ids)) for user, ids in rows.memberships.items()},
            user_ids_of=_sorted(
                collect((group, user) for user, ids in rows.memberships.items() for group in ids)
            ),
            keys={key.key_id: key for key in rows.keys},
            keys_by_prefix=_KEYS_BY_PREFIX.build(rows.keys),
            mcps={mcp.mcp_id: mcp for mcp in rows.mcps},
            approved={approved.mcp_id: approved for approved in rows.approved},
            grants=_GRANTS_BY_MCP_AND_SUBJECT.build(rows.grants),
            grants_by_id={grant.grant_id: grant for grant in rows.grants},
            switches=_SWITCHES_BY_TARGET.build(switches),
            switches_by_id={switch.switch_id: switch for switch in switches},
            limits=LimitIndex.of(rows.limits),
            limits_by_id={limit.limit_id: limit for limit in rows.limits},
            subscriptions={
                _client_and_mcp(subscription): subscription for subscription in rows.subscriptions
            },
            subscriptions_by_id={
                subscription.subscription_id: subscription for subscription in rows.subscriptions
            },
            credentials={_user_and_mcp(credential): credential for credential in rows.credentials},
            credentials_by_id={credential.credential_id: credential for credential in rows.credentials},
            issuers=TrustedIssuers.of({each.issuer_id: each for each in rows.issuers}, groups),
            compile_check=compiled,
            checks={
                grant.grant_id: compiled(grant.constraints)
                for grant in rows.grants
                if grant.constraints is not None
            },
        )

    def updated(self, version: int, changes: PolicyChanges) -> Self:
        """Return the policy of a later version, equal to one built from all rows.

        A map in which nothing differs stays the same object.
        """
        keys, grants = with_changes(self.keys, changes.keys), with_changes(self.grants_by_id, changes.grants)
        effective = {
            switch_id: switch if switch is not None and _may_stop(switch) else None
            for switch_id, switch in changes.switches.items()
        }
        switches = with_changes(self.switches_by_id, effective)
        limits = with_changes(self.limits_by_id, changes.limits)
        groups = with_changes(self.groups, changes.groups)
        group_ids_of = with_changes(
            self.group_ids_of, {user: tuple(sorted(ids)) or None for user, ids in changes.memberships.items()}
        )
        return replace(
            self,
            version=version,
            users=with_changes(self.users, changes.users),
            groups=groups,
            group_ids_of=group_ids_of,
            user_ids_of=self._user_ids_of(group_ids_of, changes.memberships),
            keys=keys,
            keys_by_prefix=_KEYS_BY_PREFIX.updated(self.keys_by_prefix, self.keys, keys, changes.keys),
            mcps=with_changes(self.mcps, changes.mcps),
            approved=with_changes(self.approved, changes.approved),
            grants=_GRANTS_BY_MCP_AND_SUBJECT.updated(self.grants, self.grants_by_id, grants, changes.grants),
            grants_by_id=grants,
            switches=_SWITCHES_BY_TARGET.updated(self.switches, self.switches_by_id, switches, effective),
            switches_by_id=switches,
            limits=self.limits if limits is self.limits_by_id else LimitIndex.of(limits.values()),
            limits_by_id=limits,
            subscriptions=_by_pair(
                self.subscriptions, self.subscriptions_by_id, changes.subscriptions, _client_and_mcp
            ),
            subscriptions_by_id=with_changes(self.subscriptions_by_id, changes.subscriptions),
            credentials=_by_pair(
                self.credentials, self.credentials_by_id, changes.credentials, _user_and_mcp
            ),
            credentials_by_id=with_changes(self.credentials_by_id, changes.credentials),
            issuers=self._issuers(groups, changes.issuers),
            checks=with_changes(
                self.checks, {each: self._check_of(grant) for each, grant in changes.grants.items()}
            ),
        )

    def active_switch(self, scope: SwitchScope, target: str | None, now: datetime) -> KillSwitch | None:
        """Return an active switch with this scope and target."""
        for switch in self.switches.get((scope, target), ()):
            if switch.is_active(now):
                return switch
        return None

    def has_meta_tools(self, principal: Principal) -> bool:
        """Tell whether hosts of a principal get the tools that search, describe and call instead of all tools."""
        key = self.keys.get(principal.key_id)
        choice = MetaTools.OFF if key is None else key.meta_tools
        if principal.token is not None:
            choice = MetaTools.INHERIT
        if choice is MetaTools.INHERIT:
            user = self.users.get(principal.user_id)
            choice = MetaTools.OFF if user is None else user.meta_tools
        return choice is MetaTools.ON

    def group_ids_for(self, principal: Principal) -> tuple[str, ...]:
        """Return the ids of the groups that a principal acts with: the user's, and those that a token names.

        What tokens say about a user whom SCIM describes does not count, because they can leave groups out.
        """
        own = self.group_ids_of.get(principal.user_id, ())
        if principal.token is None or self.issuers is None:
            return own
        user = self.users.get(principal.user_id)
        if user is None or user.provisioner is not None:
            return own
        return tuple(sorted({*own, *self.issuers.group_ids(principal.token)}))

    def _issuers(
        self, groups: Mapping[str, Group], changed: Mapping[str, Issuer | None]
    ) -> TrustedIssuers | None:
        before = {} if self.issuers is None else self.issuers.by_id
        issuers = with_changes(before, changed)
        if issuers is before and groups is self.groups:
            return self.issuers
        return TrustedIssuers.of(issuers, groups)

    def _check_of(self, grant: Grant | None) -> ArgumentCheck | None:
        return None if grant is None or grant.constraints is None else self.compile_check(grant.constraints)

    def _user_ids_of(
        self, group_ids_of: Mapping[str, tuple[str, ...]], touched: Iterable[str]
    ) -> Mapping[str, tuple[str, ...]]:
        pairs = [
            (user, {*self.group_ids_of.get(user, ())}, {*group_ids_of.get(user, ())}) for user in touched
        ]
        left = collect((group, user) for user, before, after in pairs for group in before - after)
        joined = collect((group, user) for user, before, after in pairs for group in after - before)
        members = {
            group: {*self.user_ids_of.get(group, ())} - {*left.get(group, ())} | {*joined.get(group, ())}
            for group in left.keys() | joined.keys()
        }
        return with_changes(
            self.user_ids_of, {group: tuple(sorted(users)) or None for group, users in members.items()}
        )


def _by_pair(
    before: Mapping[tuple[str, str], T],
    by_id: Mapping[str, T],
    touched: Mapping[str, T | None],
    pair_of: Callable[[T], tuple[str, str]],
) -> Mapping[tuple[str, str], T]:
    """Return objects by the pair that each belongs to, with those that were touched as they are now."""
    replaced = [by_id[each] for each in touched if each in by_id]
    changes: dict[tuple[str, str], T | None] = dict.fromkeys(map(pair_of, replaced))
    changes |= {pair_of(item): item for item in touched.values() if item is not None}
    return with_changes(before, changes)


def _refuse_all(constraints: str) -> ArgumentCheck:
    return refuse_every_argument


def _may_stop(switch: KillSwitch) -> bool:
    return switch.lifted_at is None and not switch.drill


def _client_and_mcp(subscription: Subscription) -> tuple[str, str]:
    return subscription.key_id, subscription.mcp_id


def _user_and_mcp(credential: UserCredential) -> tuple[str, str]:
    return credential.user_id, credential.mcp_id


def _sorted(collected: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(sorted(ids)) for key, ids in collected.items()}
