"""Checks names and patterns of tools against the known tools: one that matches none would have no effect."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ambassador_server.domain.catalog.mcps import Mcp, McpStatus, canonical_name
from ambassador_server.domain.policy.grants import CapabilityPatterns, matches_any, normalise_pattern
from ambassador_server.domain.policy.pattern_spelling import EVERYTHING, near_names
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import Advice, InvalidInputError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.calls.catalog import Catalog

_UNCHECKED = "No tool of MCP {!r} is known yet, so nothing could be checked."
_MOST_GUESSED = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with patterns: `unmatched` match no known tool; `misspelt` of them begin with the name of an MCP.

    `unchecked` says that no tool is known; then nothing is refused.
    """

    unmatched: tuple[str, ...] = ()
    misspelt: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    def warnings(self, *, allow_unmatched: bool) -> tuple[str, ...]:
        """Return all of it as warnings; raises InvalidInputError instead for a pattern, unless `allow_unmatched`."""
        refused = (*self.misspelt, *self.unmatched)
        if refused and not allow_unmatched:
            raise InvalidInputError(" ".join(refused), advice=Advice.ALLOW_UNMATCHED)
        return (*self.misspelt, *self.unmatched, *self.unchecked)


class ToolPatterns:
    """Compares patterns with the tools that an MCP listed last."""

    def __init__(self, *, catalog: Catalog, separator: str) -> None:
        self._catalog = catalog
        self._separator = separator

    async def check(self, work: UnitOfWork, mcp: Mcp, named: CapabilityPatterns) -> Findings:
        """Return what is wrong with these patterns of one MCP, in the form in which they were given."""
        known = await self._known(work, mcp)
        canonical = [canonical_name(mcp.name, tool) for tool in known]
        unmatched, misspelt = list[str](), list[str]()
        for pattern in await off_loop(unmatched_patterns, mcp, named.tools, canonical):
            meant = await self._meant(work, mcp, pattern)
            if meant is not None:
                misspelt.append(f"{pattern!r} matches no tool of MCP {mcp.name!r} and {meant}")
            else:
                # The search for similar names takes long among many tools.
                guesses = known if len(unmatched) < _MOST_GUESSED else ()
                unmatched.append(await asyncio.to_thread(_unmatched, pattern, mcp, guesses))
        if known or not (unmatched or misspelt):
            return Findings(tuple(unmatched), tuple(misspelt))
        return Findings(unchecked=(_UNCHECKED.format(mcp.name), *misspelt))

    async def check_tool(self, work: UnitOfWork, mcp: Mcp, tool: str) -> Findings:
        """Return what is wrong with the exact name of a tool of one MCP; its characters are free."""
        known = await self._known(work, mcp)
        if not known:
            return Findings(unchecked=(_UNCHECKED.format(mcp.name),))
        if tool in known:
            return Findings()
        return Findings(unmatched=(await asyncio.to_thread(_unmatched, tool, mcp, known),))

    async def _known(self, work: UnitOfWork, mcp: Mcp) -> list[str]:
        tools = self._catalog.last_known(mcp.mcp_id)
        if not tools and mcp.status is not McpStatus.DRAFT:
            tools = await work.tools.get(mcp.mcp_id)
        return [tool.name for tool in tools]

    async def _meant(self, work: UnitOfWork, mcp: Mcp, pattern: str) -> str | None:
        """Return what a pattern was to say that begins with the name of an MCP; None for another one."""
        for name, rest in self._splits(pattern.removeprefix(f"{mcp.name}.")):
            if name == mcp.name:
                return f"begins with that MCP's name; patterns are written without it: {rest!r}."
            if await work.mcps.by_name(name) is not None:
                return f"begins with the name of MCP {name!r}, for which it would be {rest!r}."
        return None

    def _splits(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield every beginning that could be the name of an MCP, with the rest that would be a tool pattern."""
        for mark in (self._separator, ".", ":"):
            at = pattern.find(mark)
            while at > 0 and "*" not in pattern[:at]:
                yield pattern[:at], pattern[at + len(mark) :] or EVERYTHING
                at = pattern.find(mark, at + 1)


def check_known(
    mcp: Mcp, patterns: Collection[str], known: Collection[str], *, allow_unmatched: bool
) -> tuple[str, ...]:
    """Return warnings of patterns that match none of the tools that a user may know of, by their canonical names.

    Raises InvalidInputError instead, unless `allow_unmatched` or no tool is known.
    """
    unmatched = unmatched_patterns(mcp, patterns, known)
    tools = [name.removeprefix(f"{mcp.name}.") for name in known]
    guessed, rest = unmatched[:_MOST_GUESSED], unmatched[_MOST_GUESSED:]
    found = Findings(
        (*(_unmatched(each, mcp, tools) for each in guessed), *(_unmatched(each, mcp, ()) for each in rest))
    )
    return found.warnings(allow_unmatched=allow_unmatched or not known)


def unmatched_patterns(mcp: Mcp, patterns: Collection[str], canonical: Collection[str]) -> list[str]:
    """Return the patterns of one MCP that match none of these canonical names, and not everything either."""
    written = {pattern: (normalise_pattern(pattern, mcp.name),) for pattern in patterns}
    return [
        pattern
        for pattern, whole in sorted(written.items())
        if not matches_any(whole, f"{mcp.name}.") and not any(matches_any(whole, name) for name in canonical)
    ]


def _unmatched(pattern: str, mcp: Mcp, known: Collection[str]) -> str:
    near = near_names(pattern.removeprefix(f"{mcp.name}."), known)
    return f"{pattern!r} matches no tool of MCP {mcp.name!r} today{near}."
