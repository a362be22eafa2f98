"""Tells listeners when a list of tools, resources or prompts has changed for their principals.

A list has changed for a principal if what it may use differs: a name, a URI or a definition. Whatever can have that
effect - a new policy, another list of a downstream, the expiry of a grant - begins a round, in which the lists are
computed again. Principals with the same groups and choices see the same, so that each list is computed once for them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.published_names import META_TOOL_NAMES
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.token_claims import SKEW
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit, Reason
from ambassador_server.domain.policy.grants import Subscription
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.ports.downstream import DownstreamChange, Downstreams
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry, CatalogIndex
from ambassador_server.services.calls.own_tools import OwnToolKinds, View
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

DEBOUNCE_SECONDS: Final = 0.25
"""How long a round waits for further changes."""
_LONGEST_PAUSE: Final = 3600.0
_SLICE: Final = 256
"""How many entries or listeners are looked at before the event loop gets a turn."""

_META_TOOLS: Final = hash(META_TOOL_NAMES)
"""Who searches tools has a list that does not change, whatever is found."""

Fingerprints: TypeAlias = dict[CapabilityKind, int]
"""What a listener saw last of each list; other values stand for other lists."""
_Basis: TypeAlias = tuple[object, ...]
"""What the lists of a principal depend on besides the policy and the catalog."""


class ListListener:
    """Waits for changes of the lists of one principal.

    `changed` is called with the kind of each list that has changed, and `stopped` once, when nothing is permitted to
    the user or key any more. `seen` can be given to a later listener, which then learns what has changed meanwhile.
    """

    def __init__(
        self,
        principal: Principal,
        kinds: Collection[CapabilityKind],
        changed: Callable[[CapabilityKind], None],
        stopped: Callable[[], None],
        seen: Fingerprints | None = None,
    ) -> None:
        self.principal = principal
        self.kinds = tuple(kinds)
        self.changed = changed
        self.stopped = stopped
        self.seen: Fingerprints = {} if seen is None else dict(seen)


class ListChanges:
    """Keeps the listeners, and computes what each of them sees; `session_is_open` tells whether a session goes on."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        catalog: Catalog,
        downstreams: Downstreams,
        session_is_open: Callable[[str], bool],
        debounce_seconds: float = DEBOUNCE_SECONDS,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._session_is_open = session_is_open
        self._debounce_seconds = debounce_seconds
        self._listeners: dict[ListListener, None] = {}
        self._views = _Views(catalog.own)
        self._timer: asyncio.TimerHandle | None = None
        self._round: asyncio.Task[None] | None = None
        policy.subscribe(lambda _: self._begin_soon())
        downstreams.subscribe(self._downstream_changed)

    def __len__(self) -> int:
        return len(self._listeners)

    async def listen(self, listener: ListListener) -> None:
        """Tell the listener of changes from now on, and of those since what it saw last, if it saw anything."""
        self._listeners[listener] = None
        began = self._policy.current_moment().now
        await self._compare(listener, is_first=not listener.seen)
        if self._timer is None:
            self._begin_soon(self._pause(began))

    def leave(self, listener: ListListener) -> None:
        """Tell the listener nothing more."""
        self._listeners.pop(listener, None)

    def principals(self) -> set[Principal]:
        """Return who listens."""
        return {listener.principal for listener in self._listeners}

    async def stop_ended_sessions(self) -> None:
        """Stop the listeners whose sessions, or access tokens, have ended."""
        now = self._policy.current_moment().now
        for listener in tuple(self._listeners):
            if self._has_ended(listener.principal, now):
                self._stop(listener)

    def _has_ended(self, principal: Principal, now: datetime) -> bool:
        if principal.token is not None:
            lease = principal.token.lease
            return principal.token.expires_at + SKEW <= now or (lease is not None and lease.until <= now)
        return principal.session_id is not None and not self._session_is_open(principal.session_id)

    def _downstream_changed(self, change: DownstreamChange) -> None:
        if change.tools_changed or change.resources_changed or change.prompts_changed:
            self._begin_soon()

    def _begin_soon(self, seconds: float | None = None) -> None:
        """Begin a round after this time, or after the time in which changes are collected; an earlier one stays."""
        if not self._listeners:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + (self._debounce_seconds if seconds is None else seconds)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._run())
        else:
            self._begin_soon()

    async def _run(self) -> None:
        began = self._policy.current_moment().now
        # First of all, because comparing the lists of many principals takes long.
        await self._stop_refused()
        for number, listener in enumerate(tuple(self._listeners)):
            if listener in self._listeners:
                await self._compare(listener)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        self._begin_soon(self._pause(began))

    async def _stop_refused(self) -> None:
        """Stop the listeners to whom nothing is permitted any more."""
        moment = self._policy.current_moment()
        if moment.stale:
            return
        for number, listener in enumerate(tuple(self._listeners)):
            if _is_refused(PrincipalPolicy(self._policy.snapshot, listener.principal, moment)):
                self._stop(listener)
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    async def _compare(self, listener: ListListener, *, is_first: bool = False) -> None:
        """Tell the listener which lists differ from what it saw last.

        A stale policy says nothing. A list that was never seen counts as changed, unless the listener has just come.
        """
        moment = self._policy.current_moment()
        if moment.stale:
            return
        snapshot, index = self._policy.snapshot, self._catalog.index()
        policy = PrincipalPolicy(snapshot, listener.principal, moment)
        if _is_refused(policy):
            self._stop(listener)
            return
        known = self._views.use(snapshot, index, moment)
        basis = _basis(snapshot, self._views, listener.principal, policy)
        has_meta_tools = snapshot.has_meta_tools(listener.principal) and policy.denial is None
        for kind in listener.kinds:
            if kind is CapabilityKind.TOOL and has_meta_tools:
                found = _META_TOOLS
            else:
                view = View(policy, snapshot, index, self._catalog.index)
                found = await self._views.fingerprint(known, basis, kind, view)
            if listener.seen.get(kind) != found:
                listener.seen[kind] = found
                if not is_first and listener in self._listeners:
                    listener.changed(kind)

    def _stop(self, listener: ListListener) -> None:
        if listener in self._listeners:
            self.leave(listener)
            listener.stopped()

    def _pause(self, compared_at: datetime) -> float:
        """Return the seconds until time alone may change a list: a grant, a key or a switch expires.

        What has expired since the lists were compared is due at once.
        """
        moment = self._policy.current_moment()
        if moment.stale:
            return 1.0
        due = self._views.next_expiry(self._policy.snapshot, compared_at)
        if due is None:
            return _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, max(0.0, (due - moment.now).total_seconds()))


def _is_refused(policy: PrincipalPolicy) -> bool:
    """Tell whether nothing is permitted for another reason than a kill switch, which can be lifted."""
    return policy.denial is not None and policy.denial.reason is not Reason.KILL_SWITCH


_Known: TypeAlias = dict[tuple[_Basis, CapabilityKind], int]
"""The fingerprints that were computed of one policy and one catalog."""


class _Views:
    """What was computed of one policy and one catalog, until something in the policy expires."""

    def __init__(self, own: OwnToolKinds) -> None:
        self._own = own
        self._snapshot: Snapshot | None = None
        self._index: CatalogIndex | None = None
        self._expires_at: datetime | None = None
        self._known: _Known = {}
        self._expiries: tuple[Snapshot | None, Sequence[datetime]] = (None, ())
        self.subscriptions: Mapping[str, Sequence[Subscription]] = {}
        self.users_with_grants: frozenset[str | None] = frozenset()

    def use(self, snapshot: Snapshot, index: CatalogIndex, moment: Moment) -> _Known:
        """Return what was computed of this policy and catalog; forget that of others, or before something expired."""
        has_expired = self._expires_at is not None and self._expires_at <= moment.now
        if self._snapshot is snapshot and self._index is index and not has_expired:
            return self._known
        self._snapshot, self._index, self._known = snapshot, index, {}
        self._expires_at = self.next_expiry(snapshot, moment.now)
        by_key: defaultdict[str, list[Subscription]] = defaultdict(list)
        for subscription in snapshot.subscriptions.values():
            by_key[subscription.key_id].append(subscription)
        self.subscriptions = by_key
        self.users_with_grants = frozenset(grant.user_id for grant in snapshot.grants_by_id.values())
        return self._known

    def next_expiry(self, snapshot: Snapshot, now: datetime) -> datetime | None:
        """Return when something in the policy expires next."""
        if self._expiries[0] is not snapshot:
            ends = [
                *(grant.expires_at for grant in snapshot.grants_by_id.values()),
                *(key.expires_at for key in snapshot.keys.values()),
                *(switch.expires_at for switch in snapshot.switches_by_id.values()),
            ]
            self._expiries = (snapshot, sorted(each for each in ends if each is not None))
        return next((at for at in self._expiries[1] if at > now), None)

    async def fingerprint(self, known: _Known, basis: _Basis, kind: CapabilityKind, view: View) -> int:
        """Return the fingerprint of the list of one kind.

        `known` is of the view's policy and catalog: others may be in use by now, and must not get its result.
        """
        found = known.get((basis, kind))
        if found is None:
            own = self._own.listed(view) if kind is CapabilityKind.TOOL else ()
            found = known[basis, kind] = await _fingerprint(view.policy, _entries(view.index, kind), own)
        return found


async def _fingerprint(
    policy: PrincipalPolicy, entries: Sequence[CatalogEntry], own: Sequence[CatalogEntry]
) -> int:
    permitted = [(entry.published, entry.definition) for entry in own]
    for start in range(0, len(entries), _SLICE):
        permitted += [
            (entry.published, entry.definition)
            for entry in entries[start : start + _SLICE]
            if isinstance(policy.decide(entry.ref), Permit)
        ]
        await asyncio.sleep(0)
    return hash(tuple(permitted))


def _entries(index: CatalogIndex, kind: CapabilityKind) -> Sequence[CatalogEntry]:
    if kind is CapabilityKind.TOOL:
        return index.tools
    if kind is CapabilityKind.PROMPT:
        return index.prompts
    return (*index.resources, *index.templates)


def _basis(snapshot: Snapshot, views: _Views, principal: Principal, policy: PrincipalPolicy) -> _Basis:
    if policy.denial is not None:
        return ()
    choices = frozenset((each.mcp_id, each.named) for each in views.subscriptions.get(principal.key_id, ()))
    own = principal.user_id if principal.user_id in views.users_with_grants else None
    return (snapshot.group_ids_for(principal), own, choices)
