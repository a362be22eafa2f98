"""Finds what a kill switch or a limit is about: an object, a tool or a class of tools, by scope and name."""

from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.policy.pattern_spelling import exact_name
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidInputError, NotFoundError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.changes.lookups import find_group, find_mcp, find_user

_TOOL_CLASSES = [tool_class.value for tool_class in ToolClass]


class ScopeTargets:
    """Looks up targets; a tool need not be offered now, but its MCP must be known."""

    def __init__(self, *, catalog: Catalog, patterns: PatternChecks) -> None:
        self._catalog = catalog
        self._patterns = patterns

    async def unmatched(
        self, work: UnitOfWork, scope: SwitchScope, target: str | None, *, allow: bool
    ) -> tuple[str, ...]:
        """Return warnings about a tool that its MCP does not have; raises InvalidInputError unless `allow`."""
        if scope is not SwitchScope.TOOL or target is None:
            return ()
        mcp_name, _, tool = target.partition(".")
        findings = await self._patterns.check_tool(work, await find_mcp(work, mcp_name), tool)
        return findings.warnings(allow_unmatched=allow)

    async def target_id(self, work: UnitOfWork, scope: SwitchScope, target: str | None) -> str | None:
        """Return the id, tool name or tool class that a scope and the name of a target stand for; None for everyone.

        Raises InvalidInputError for a target too many or too few, and NotFoundError for one that is unknown.
        """
        if scope is SwitchScope.EVERYONE:
            if target is not None:
                raise InvalidInputError("The scope 'everyone' takes no target.")
            return None
        if not target:
            raise InvalidInputError(f"The scope {scope.value!r} needs a target.")
        return await self._known_target_id(work, scope, target)

    async def _known_target_id(self, work: UnitOfWork, scope: SwitchScope, target: str) -> str:
        match scope:
            case SwitchScope.USER:
                return (await find_user(work, target)).user_id
            case SwitchScope.GROUP:
                return (await find_group(work, target)).group_id
            case SwitchScope.MCP:
                return (await find_mcp(work, target)).mcp_id
            case SwitchScope.KEY if await work.keys.get(target) is not None:
                return target
            case SwitchScope.SESSION if await work.sessions.get(target) is not None:
                return target
            case SwitchScope.TOOL:
                return await self._tool_name(work, exact_name(target))
            case SwitchScope.TOOL_CLASS if target in _TOOL_CLASSES:
                return target
            case SwitchScope.TOOL_CLASS:
                raise NotFoundError(f"No {subject_of(scope, target)}{near(target, _TOOL_CLASSES)}")
            case _:
                raise NotFoundError(f"No {subject_of(scope, target)}")

    async def _tool_name(self, work: UnitOfWork, name: str) -> str:
        entry = self._catalog.tool(name)
        if entry is not None:
            return entry.ref.name
        if not await _names_tool_of_known_mcp(work, name):
            raise NotFoundError(f"No tool {name!r}{self._catalog.near(name)}")
        return name


async def _names_tool_of_known_mcp(work: UnitOfWork, canonical: str) -> bool:
    """Tell whether the name may be that of a tool of a known MCP, whose downstream may be unavailable now."""
    return any(canonical.startswith(f"{mcp.name}.") for mcp in await work.mcps.all())


def subject_of(scope: str, target: str | None) -> str:
    """Return what a switch or a limit is about, for people."""
    return "everyone" if target is None else f"{scope.replace('_', ' ')} {target!r}"
