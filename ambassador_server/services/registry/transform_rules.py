"""Checks changed transforms against what the downstream offers, and against rules that name a tool by its old name."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import Mcp, Tool, canonical_name
from ambassador_server.domain.catalog.published_names import OWN_PREFIXES, published_names
from ambassador_server.domain.catalog.transforms import EVERY_TOOL, NO_TRANSFORMS, ToolTransform
from ambassador_server.domain.policy.grants import Effect, Grant
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.pattern_spelling import near_names
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import Advice, ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.calls.published_tools import argument_names
from ambassador_server.services.changes.audited_change import Change
from ambassador_server.services.changes.kill_switches import is_stopped
from ambassador_server.services.changes.limited_objects import check_not_limited

_SHOWN = 3


class TransformRules:
    """Refuses transforms that would have no effect, or that would take a tool out of the reach of a rule."""

    def __init__(self, *, downstreams: Downstreams, separator: str, clock: Clock) -> None:
        self._downstreams = downstreams
        self._separator = separator
        self._clock = clock

    async def check(self, change: Change, before: Mcp | None, after: Mcp) -> None:
        """Raise InvalidInputError or ConflictError for a changed transform, and warn of what it leaves behind."""
        old = NO_TRANSFORMS if before is None else before.transforms
        if old == after.transforms:
            return
        names = old.by_tool.keys() | after.transforms.by_tool.keys()
        changed = {
            name: after.transforms.by_tool.get(name, ToolTransform())
            for name in sorted(names)
            if old.by_tool.get(name) != after.transforms.by_tool.get(name)
        }
        tools = self._downstreams.state(after.mcp_id).tools or await change.work.tools.get(after.mcp_id)
        if tools:
            await asyncio.to_thread(_check_known, after, changed, tools)
        else:
            change.warnings.append(
                f"No tool of MCP {after.name!r} is known yet, so the names of tools and arguments were not checked."
            )
        renamed = {
            name: (old.name_of(name), after.transforms.name_of(name))
            for name in changed
            if old.name_of(name) != after.transforms.name_of(name)
        }
        if renamed:
            await self._check_published(change.work, after, renamed, tools)
            await self._check_rules(change, after, renamed)

    async def _check_published(
        self, work: UnitOfWork, mcp: Mcp, renamed: Mapping[str, tuple[str, str]], tools: Collection[Tool]
    ) -> None:
        others = [each for each in await work.mcps.all() if each.mcp_id != mcp.mcp_id]
        by_age = sorted([*others, mcp], key=lambda each: (each.created_at, each.mcp_id))
        own = {tool.name for tool in tools if mcp.transforms.is_offered(tool.name)} | renamed.keys()
        keys = {(mcp.name, mcp.transforms.name_of(name)) for name in own}
        found = published_names(keys, [*OWN_PREFIXES, *(each.name for each in by_age)], self._separator)
        for name, (_, given) in renamed.items():
            if mcp.transforms.by_tool.get(name, ToolTransform()).name is None:
                continue
            plain = self._separator.join((mcp.name, given))
            if found[mcp.name, given] != plain:
                raise InvalidInputError(
                    f"Tool {name!r} cannot be published as {plain!r}: the name is longer than 64 characters, looks "
                    "like one with a suffix, or is that of another tool. Choose another name."
                )

    async def _check_rules(self, change: Change, mcp: Mcp, renamed: Mapping[str, tuple[str, str]]) -> None:
        """Refuse to rename a tool that is stopped, denied or limited by its old name; warn of permissions that end."""
        grants = [each for each in await change.work.grants.all() if each.mcp_id == mcp.mcp_id]
        left, gained = list[str](), list[str]()
        for old, new in ((_ref(mcp, old), _ref(mcp, new)) for old, new in renamed.values()):
            if await is_stopped(change.work, SwitchScope.TOOL, old.name, self._clock.now()):
                raise ConflictError(
                    f"A kill switch stops {old.name}, and would not stop it by its new name",
                    advice=Advice.LIFT_SWITCH,
                )
            await check_not_limited(change.work, LimitScope.TOOL, old.name, name=f"tool {old.name!r}")
            for grant in _lost(grants, old, new):
                if grant.effect is Effect.DENY and not _is_denied(grants, grant.group_id, new):
                    raise ConflictError(
                        f"The grant {grant.grant_id} denies {old.name}, and would not deny {new.name}: add one for the "
                        "new name first"
                    )
                if grant.effect is Effect.PERMIT:
                    left.append(f"{grant.grant_id} ({old.name})")
            gained += [
                f"{grant.grant_id} ({new.name})"
                for grant in _lost(grants, new, old)
                if grant.effect is Effect.PERMIT
            ]
        if left:
            change.warnings.append(
                f"These grants permitted tools by names that they no longer have: {_listed(left)}."
            )
        if gained:
            change.warnings.append(f"These grants permit tools by their new names: {_listed(gained)}.")


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _ref(mcp: Mcp, name: str) -> CapabilityRef:
    return CapabilityRef(mcp.mcp_id, CapabilityKind.TOOL, canonical_name(mcp.name, name))


def _lost(grants: Collection[Grant], old: CapabilityRef, new: CapabilityRef) -> Iterator[Grant]:
    return (each for each in grants if each.covers(old) and not each.covers(new))


def _is_denied(grants: Collection[Grant], group_id: str | None, ref: CapabilityRef) -> bool:
    return any(
        each.effect is Effect.DENY and each.group_id == group_id and each.covers(ref) for each in grants
    )


def _check_known(mcp: Mcp, changed: Mapping[str, ToolTransform], tools: Collection[Tool]) -> None:
    """Raise InvalidInputError for the name of a tool or argument that the downstream does not have."""
    known = {tool.name: tool for tool in tools}
    for name, transform in changed.items():
        if not transform.changed:
            continue
        if name != EVERY_TOOL and name not in known:
            own = next((own for own, each in mcp.transforms.by_tool.items() if each.name == name), None)
            hint = near_names(name, known) if own is None else f"; it is the name that {own!r} was given"
            raise InvalidInputError(f"MCP {mcp.name!r} has no tool {name!r}{hint}")
        described = list(known.values()) if name == EVERY_TOOL else [known[name]]
        arguments = sorted({each for tool in described for each in argument_names(tool.definition)})
        for given in (*transform.fixed_arguments, *transform.default_arguments):
            if arguments and given not in arguments:
                which = "No tool" if name == EVERY_TOOL else f"Tool {name!r}"
                have = "has an" if name == EVERY_TOOL else "has no"
                raise InvalidInputError(f"{which} {have} argument {given!r}{near(given, arguments)}")
        if transform.name in known and transform.name != name:
            other = mcp.transforms.of(transform.name)
            if other is None or (other.name is None and not other.hidden):
                raise InvalidInputError(
                    f"Tool {name!r} cannot be named {transform.name!r}: another tool of the MCP has that name. Hide or "
                    "rename that one first."
                )


def transform_warnings(mcp: Mcp, tools: Collection[Tool]) -> list[str]:
    """Return a warning for each transform without a tool, and for each tool whose name another one was given."""
    if mcp.transforms is NO_TRANSFORMS or not tools:
        return []
    names = {tool.name for tool in tools}
    warnings = [
        f"There is a transform for the tool {name!r}, which the MCP does not offer."
        for name in mcp.transforms.by_tool
        if name != EVERY_TOOL and name not in names
    ]
    for name in sorted(names):
        taker = mcp.transforms.taken_by(name)
        hidden = mcp.transforms.of(name)
        if taker is not None and not (hidden is not None and hidden.hidden):
            warnings.append(f"The tool {name!r} is not offered: {taker!r} was given its name.")
    return warnings
