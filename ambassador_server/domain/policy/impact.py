"""What a kill switch takes away: who may call what without it, and may not with it."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope

_TOOL_SCOPES = (SwitchScope.MCP, SwitchScope.TOOL, SwitchScope.TOOL_CLASS)
_Kind: TypeAlias = Principal | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Ids of the users and sessions, the tools and the number of running calls that a switch stops, or would stop."""

    user_ids: frozenset[str]
    tools: tuple[CapabilityRef, ...]
    session_ids: frozenset[str]
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What goes on while a switch is thought about: the tools on offer, open sessions, and calls in flight."""

    tools: Sequence[CapabilityRef]
    sessions: Sequence[Session] = ()
    calls: Sequence[tuple[Principal, CapabilityRef]] = ()


def impact_of(switch: KillSwitch, snapshot: Snapshot, activity: Activity, moment: Moment) -> Impact:
    """Compare the policy with the switch in force to the policy without it.

    Drills, lifted and expired switches count as if they were in force. A user is hit who loses a tool with any good
    key; a switch on a session hits with that session alone.
    """
    return _Comparison(switch, snapshot, activity, moment).impact()


class _Verdict(NamedTuple):
    """What becomes of a principal: it loses some tool, or everything it does is stopped."""

    loses_any: bool
    is_stopped: bool


class _Pair(NamedTuple):
    """The policy as a principal meets it without the switch and with it."""

    before: PrincipalPolicy
    after: PrincipalPolicy

    @property
    def is_stopped(self) -> bool:
        return self.before.stopped_by is None and self.after.stopped_by is not None

    def loses(self, tool: CapabilityRef) -> bool:
        return isinstance(self.before.decide(tool), Permit) and not isinstance(
            self.after.decide(tool), Permit
        )


class _Comparison:
    """Both policies side by side; people with the same groups and nothing of their own are compared once for all."""

    def __init__(self, switch: KillSwitch, snapshot: Snapshot, activity: Activity, moment: Moment) -> None:
        self._switch = replace(switch, drill=False, lifted_at=None, expires_at=None)
        self._without = _without(snapshot, switch)
        self._with = _with(self._without, self._switch)
        self._activity = activity
        self._moment = moment
        self._tools = _by_mcp(tool for tool in activity.tools if _may_name(self._switch, tool))
        self._kept = {mcp_id: list(tools) for mcp_id, tools in self._tools.items()}
        self._mcp_ids_of = _permitted_mcps(self._without, self._tools)
        self._special = _special_ids(self._with)
        self._user_ids = _user_ids(self._switch, snapshot)
        self._verdicts: dict[_Kind, _Verdict] = {}

    def impact(self) -> Impact:
        """Return the difference."""
        hit = frozenset(each.user_id for each in self._people() if self._verdict(each).loses_any)
        sessions = frozenset(
            each.session_id or "" for each in self._in_sessions() if self._verdict(each).is_stopped
        )
        return Impact(
            user_ids=hit,
            tools=tuple(
                tool
                for mcp_id, tools in self._tools.items()
                for tool in tools
                if tool not in self._kept.get(mcp_id, ())
            ),
            session_ids=sessions,
            calls=sum(self._pair(principal).loses(tool) for principal, tool in self._activity.calls),
        )

    def _people(self) -> Iterator[Principal]:
        """Whom the switch could concern: the one session, or else people by their keys."""
        if self._switch.scope is SwitchScope.SESSION:
            yield from self._in_sessions()
            return
        for key in self._keys():
            if self._is_meant(key.user_id) and self._is_good(key.key_id):
                yield _principal(key.user_id, key.key_id)

    def _in_sessions(self) -> Iterator[Principal]:
        scope, target = self._switch.scope, self._switch.target
        for session in self._activity.sessions:
            session_id, key_id = session.session_id, session.key_id
            if (scope is SwitchScope.SESSION and session_id != target) or (
                scope is SwitchScope.KEY and key_id != target
            ):
                continue
            if self._is_meant(session.user_id) and self._is_good(key_id):
                yield _principal(session.user_id, key_id, session_id)

    def _keys(self) -> Iterable[ClientKey]:
        keys = self._without.keys
        if self._switch.scope is SwitchScope.KEY:
            key = keys.get(self._switch.target or "")
            return () if key is None else (key,)
        return keys.values()

    def _is_meant(self, user_id: str) -> bool:
        return self._user_ids is None or user_id in self._user_ids

    def _is_good(self, key_id: str) -> bool:
        key = self._without.keys.get(key_id)
        if key is None or not key.is_good(self._moment.now):
            return False
        user = self._without.users.get(key.user_id)
        return user is not None and user.status is UserStatus.ACTIVE

    def _verdict(self, principal: Principal) -> _Verdict:
        kind = self._kind(principal)
        if kind not in self._verdicts:
            self._verdicts[kind] = self._compare(principal)
        return self._verdicts[kind]

    def _compare(self, principal: Principal) -> _Verdict:
        """Compare for one principal, and strike the tools it loses off those that nobody is known to lose."""
        groups = self._without.group_ids_of.get(principal.user_id, ())
        mcp_ids = set[str]().union(*(self._mcp_ids_of.get(group_id, ()) for group_id in groups))
        if not mcp_ids and self._switch.scope in _TOOL_SCOPES:
            return _Verdict(False, False)
        pair = self._pair(principal)
        lost = [
            tool for mcp_id in mcp_ids & self._kept.keys() for tool in self._kept[mcp_id] if pair.loses(tool)
        ]
        for tool in lost:
            self._kept[tool.mcp_id].remove(tool)
            if not self._kept[tool.mcp_id]:
                del self._kept[tool.mcp_id]
        loses_any = bool(lost) or any(pair.loses(tool) for mcp_id in mcp_ids for tool in self._tools[mcp_id])
        return _Verdict(loses_any, pair.is_stopped)

    def _kind(self, principal: Principal) -> _Kind:
        ids = (principal.user_id, principal.key_id, principal.session_id)
        if not self._special.isdisjoint(ids):
            return principal
        return self._without.group_ids_of.get(principal.user_id, ())

    def _pair(self, principal: Principal) -> _Pair:
        return _Pair(
            PrincipalPolicy(self._without, principal, self._moment),
            PrincipalPolicy(self._with, principal, self._moment),
        )


def _without(snapshot: Snapshot, switch: KillSwitch) -> Snapshot:
    switches = {
        place: rest
        for place, there in snapshot.switches.items()
        if (rest := tuple(each for each in there if each.switch_id != switch.switch_id))
    }
    return replace(snapshot, switches=switches)


def _with(snapshot: Snapshot, switch: KillSwitch) -> Snapshot:
    place = (switch.scope, switch.target)
    switches = (*snapshot.switches.get(place, ()), switch)
    return replace(snapshot, switches={**snapshot.switches, place: switches})


def _may_name(switch: KillSwitch, tool: CapabilityRef) -> bool:
    """Leave out early what cannot be meant; the policy has the last word on the rest."""
    match switch.scope:
        case SwitchScope.MCP:
            return tool.mcp_id == switch.target
        case SwitchScope.TOOL:
            return tool.name == switch.target
        case SwitchScope.TOOL_CLASS:
            return tool.tool_class is not None and tool.tool_class.value == switch.target
        case _:
            return True


def _user_ids(switch: KillSwitch, snapshot: Snapshot) -> Container[str] | None:
    """Return the users whom the switch could concern; None is everybody."""
    match switch.scope:
        case SwitchScope.USER:
            return (switch.target or "",)
        case SwitchScope.GROUP:
            return frozenset(snapshot.user_ids_of.get(switch.target or "", ()))
        case _:
            return None


def _by_mcp(tools: Iterable[CapabilityRef]) -> dict[str, list[CapabilityRef]]:
    found: defaultdict[str, list[CapabilityRef]] = defaultdict(list)
    for tool in tools:
        found[tool.mcp_id].append(tool)
    return dict(found)


def _permitted_mcps(snapshot: Snapshot, mcp_ids: Container[str]) -> dict[str, set[str]]:
    """Return which of these MCPs the grants of each group permit anything of."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for (group_id, mcp_id), grants in snapshot.grants.items():
        if mcp_id in mcp_ids and any(grant.effect is Effect.PERMIT for grant in grants):
            found[group_id].add(mcp_id)
    return dict(found)


def _special_ids(snapshot: Snapshot) -> frozenset[str | None]:
    """Return the users, keys and sessions that rules speak about which are not rules about groups."""
    personal = (SwitchScope.USER, SwitchScope.KEY, SwitchScope.SESSION)
    return frozenset(
        (
            *(key_id for key_id, _ in snapshot.subscriptions),
            *(target for scope, target in snapshot.switches if scope in personal),
        )
    )


def _principal(user_id: str, key_id: str, session_id: str | None = None) -> Principal:
    """Return somebody to decide about; the names are for the audit, which none of this reaches."""
    return Principal(user_id=user_id, user_name="", key_id=key_id, key_name="", session_id=session_id)
