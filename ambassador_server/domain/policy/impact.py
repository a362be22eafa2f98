"""Computes what a kill switch stops, by comparing the policy with it to the policy without it."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.client_keys import ClientKey, replacements
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope

_CAPABILITY_SCOPES = (SwitchScope.MCP, SwitchScope.TOOL, SwitchScope.TOOL_CLASS)
_GroupIds: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """The users and sessions (by id), the capabilities, and the number of calls in flight that a switch stops.

    `token_clients` is the number of clients with access tokens that it stops entirely.
    """

    user_ids: frozenset[str]
    capabilities: tuple[CapabilityRef, ...]
    session_ids: frozenset[str]
    token_clients: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a switch can stop: what is published, the open sessions, clients with tokens, and the calls in flight."""

    capabilities: Sequence[CapabilityRef]
    sessions: Sequence[Session] = ()
    token_clients: Sequence[Principal] = ()
    calls: Sequence[tuple[Principal, CapabilityRef]] = ()


def impact_of(switch: KillSwitch, snapshot: Snapshot, activity: Activity, moment: Moment) -> Impact:
    """Return what the switch stops; a drill, lifted or expired switch is treated as if it were in force.

    A user counts if one of the user's good keys, or a client with a token, loses a capability. A switch on a session
    affects that session alone.
    """
    return _Comparison(switch, snapshot, activity, moment).impact()


class _Loss(NamedTuple):
    """The effect of the switch on a principal: it loses at least one capability, or everything it does is stopped."""

    anything: bool
    is_stopped: bool


class _BeforeAndAfter(NamedTuple):
    """The policy of one principal without the switch and with it."""

    before: PrincipalPolicy
    after: PrincipalPolicy

    @property
    def is_stopped(self) -> bool:
        return self.before.stopped_by is None and self.after.stopped_by is not None

    def loses(self, capability: CapabilityRef) -> bool:
        return isinstance(self.before.decide(capability), Permit) and not isinstance(
            self.after.decide(capability), Permit
        )


class _Comparison:
    """Compares both policies, once for all users who have the same groups and no rules of their own."""

    def __init__(self, switch: KillSwitch, snapshot: Snapshot, activity: Activity, moment: Moment) -> None:
        self._switch = replace(switch, drill=False, lifted_at=None, expires_at=None)
        self._before = _remove_switch(snapshot, switch)
        self._after = _add_switch(self._before, self._switch)
        self._activity = activity
        self._moment = moment
        self._capabilities = _group_by_mcp(
            capability for capability in activity.capabilities if _may_match(self._switch, capability)
        )
        # As keys, because each is looked up among what may be thousands of resources.
        self._not_lost = {mcp_id: dict.fromkeys(each) for mcp_id, each in self._capabilities.items()}
        self._permitted_mcp_ids = _permitted_mcp_ids(self._before, self._capabilities)
        self._ids_with_own_rules = _ids_with_own_rules(self._after)
        self._user_ids = _affected_user_ids(self._switch, snapshot)
        self._key_ids = _affected_key_ids(self._switch, snapshot)
        self._losses: dict[Principal | _GroupIds, _Loss] = {}

    def impact(self) -> Impact:
        """Return the difference."""
        users = frozenset(each.user_id for each in self._principals() if self._loss(each).anything)
        sessions = frozenset(
            each.session_id or "" for each in self._principals_in_sessions() if self._loss(each).is_stopped
        )
        return Impact(
            user_ids=users,
            capabilities=tuple(
                capability
                for mcp_id, capabilities in self._capabilities.items()
                for capability in capabilities
                if capability not in self._not_lost.get(mcp_id, ())
            ),
            session_ids=sessions,
            token_clients=sum(self._loss(each).is_stopped for each in self._principals_with_tokens()),
            calls=sum(
                self._policies(principal).loses(capability) for principal, capability in self._activity.calls
            ),
        )

    def _principals(self) -> Iterator[Principal]:
        """Yield the principals that the switch may affect: that of its session, or else one for each good key."""
        if self._switch.scope is SwitchScope.SESSION:
            yield from self._principals_in_sessions()
            return
        for key in self._affected_keys():
            if self._may_affect_user(key.user_id) and self._is_usable(key.key_id):
                yield _principal(key.user_id, key.key_id)
        yield from self._principals_with_tokens()

    def _principals_with_tokens(self) -> Iterator[Principal]:
        if self._switch.scope in (SwitchScope.SESSION, SwitchScope.KEY):
            return  # a client with a token has neither
        for principal in self._activity.token_clients:
            if self._switch.scope is SwitchScope.GROUP:
                # Its groups may come from the token, where members of this server are not looked up.
                if self._switch.target in self._before.group_ids_for(principal):
                    yield principal
            elif self._may_affect_user(principal.user_id):
                yield principal

    def _principals_in_sessions(self) -> Iterator[Principal]:
        scope, target = self._switch.scope, self._switch.target
        for session in self._activity.sessions:
            session_id, key_id = session.session_id, session.key_id
            if (scope is SwitchScope.SESSION and session_id != target) or (
                scope is SwitchScope.KEY and key_id not in self._key_ids
            ):
                continue
            if self._may_affect_user(session.user_id) and self._is_usable(key_id):
                yield _principal(session.user_id, key_id, session_id)

    def _affected_keys(self) -> Iterable[ClientKey]:
        keys = self._before.keys
        if self._switch.scope is SwitchScope.KEY:
            return [keys[key_id] for key_id in self._key_ids if key_id in keys]
        return keys.values()

    def _may_affect_user(self, user_id: str) -> bool:
        return self._user_ids is None or user_id in self._user_ids

    def _is_usable(self, key_id: str) -> bool:
        key = self._before.keys.get(key_id)
        if key is None or not key.is_good(self._moment.now):
            return False
        user = self._before.users.get(key.user_id)
        return user is not None and user.status is UserStatus.ACTIVE

    def _loss(self, principal: Principal) -> _Loss:
        key = self._cache_key(principal)
        if key not in self._losses:
            self._losses[key] = self._compare(principal)
        return self._losses[key]

    def _compare(self, principal: Principal) -> _Loss:
        """Compare both policies for one principal, and remove what it loses from the capabilities that nobody loses."""
        subjects = (*self._before.group_ids_for(principal), principal.user_id)
        mcp_ids = set[str]().union(*(self._permitted_mcp_ids.get(each, ()) for each in subjects))
        if not mcp_ids and self._switch.scope in _CAPABILITY_SCOPES:
            return _Loss(False, False)
        policies = self._policies(principal)
        lost = [
            capability
            for mcp_id in mcp_ids & self._not_lost.keys()
            for capability in self._not_lost[mcp_id]
            if policies.loses(capability)
        ]
        for capability in lost:
            del self._not_lost[capability.mcp_id][capability]
            if not self._not_lost[capability.mcp_id]:
                del self._not_lost[capability.mcp_id]
        anything = bool(lost) or any(
            policies.loses(capability) for mcp_id in mcp_ids for capability in self._capabilities[mcp_id]
        )
        return _Loss(anything, policies.is_stopped)

    def _cache_key(self, principal: Principal) -> Principal | _GroupIds:
        ids = (principal.user_id, principal.key_id, principal.session_id)
        if not self._ids_with_own_rules.isdisjoint(ids):
            return principal
        if principal.token is not None:
            # Of two clients with the same groups, the token of one may have ended.
            return principal
        return self._before.group_ids_of.get(principal.user_id, ())

    def _policies(self, principal: Principal) -> _BeforeAndAfter:
        return _BeforeAndAfter(
            PrincipalPolicy(self._before, principal, self._moment),
            PrincipalPolicy(self._after, principal, self._moment),
        )


def _remove_switch(snapshot: Snapshot, switch: KillSwitch) -> Snapshot:
    switches = {
        target: others
        for target, same_target in snapshot.switches.items()
        if (others := tuple(each for each in same_target if each.switch_id != switch.switch_id))
    }
    return replace(snapshot, switches=switches)


def _add_switch(snapshot: Snapshot, switch: KillSwitch) -> Snapshot:
    target = (switch.scope, switch.target)
    switches = (*snapshot.switches.get(target, ()), switch)
    return replace(snapshot, switches={**snapshot.switches, target: switches})


def _may_match(switch: KillSwitch, capability: CapabilityRef) -> bool:
    """Exclude capabilities that the switch cannot stop, to save comparisons; the policy decides about the others."""
    match switch.scope:
        case SwitchScope.MCP:
            return capability.mcp_id == switch.target
        case SwitchScope.TOOL:
            return capability.kind is CapabilityKind.TOOL and capability.name == switch.target
        case SwitchScope.TOOL_CLASS:
            return capability.tool_class is not None and capability.tool_class.value == switch.target
        case _:
            return True


def _affected_user_ids(switch: KillSwitch, snapshot: Snapshot) -> Container[str] | None:
    """Return the users that the switch may affect; None stands for all."""
    match switch.scope:
        case SwitchScope.USER:
            return (switch.target or "",)
        case SwitchScope.GROUP:
            return frozenset(snapshot.user_ids_of.get(switch.target or "", ()))
        case _:
            return None


def _affected_key_ids(switch: KillSwitch, snapshot: Snapshot) -> frozenset[str]:
    """Return the keys that a switch on a key stops: that key, and those that replaced it."""
    if switch.scope is not SwitchScope.KEY or switch.target is None:
        return frozenset()
    replaced_it = replacements(switch.target, snapshot.keys.values())
    return frozenset((switch.target, *(key.key_id for key in replaced_it)))


def _group_by_mcp(capabilities: Iterable[CapabilityRef]) -> dict[str, list[CapabilityRef]]:
    found: defaultdict[str, list[CapabilityRef]] = defaultdict(list)
    for capability in capabilities:
        found[capability.mcp_id].append(capability)
    return dict(found)


def _permitted_mcp_ids(snapshot: Snapshot, mcp_ids: Container[str]) -> dict[str, set[str]]:
    """Return, for each group or user with grants, those of these MCPs that they permit something of."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for mcp_id, by_subject in snapshot.grants.items():
        if mcp_id in mcp_ids:
            for subject_id, grants in by_subject.items():
                if any(grant.effect is Effect.PERMIT for grant in grants):
                    found[subject_id].add(mcp_id)
    return dict(found)


def _ids_with_own_rules(snapshot: Snapshot) -> frozenset[str | None]:
    """Return the users, keys and sessions that have a grant, a subscription or a kill switch of their own."""
    personal = (SwitchScope.USER, SwitchScope.SESSION)
    switches = [switch for same_target in snapshot.switches.values() for switch in same_target]
    return frozenset(
        (
            *(grant.user_id for grant in snapshot.grants_by_id.values()),
            *(key_id for key_id, _ in snapshot.subscriptions),
            *(switch.target for switch in switches if switch.scope in personal),
            *(key_id for switch in switches for key_id in _affected_key_ids(switch, snapshot)),
        )
    )


def _principal(user_id: str, key_id: str, session_id: str | None = None) -> Principal:
    """Return a principal without names, which are needed for the audit alone."""
    return Principal(user_id=user_id, user_name="", key_id=key_id, key_name="", session_id=session_id)
