"""Checks names and patterns against what is known of an MCP: one that matches nothing would have no effect."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp, McpStatus, canonical_name
from ambassador_server.domain.catalog.offers import NO_FEATURES
from ambassador_server.domain.catalog.uris import matches_template, split_qualified
from ambassador_server.domain.policy.grants import (
    CapabilityPatterns,
    matches_any,
    matches_any_uri,
    normalise_pattern,
)
from ambassador_server.domain.policy.pattern_spelling import EVERYTHING, near_names
from ambassador_server.domain.policy.uri_spelling import near_uris, spell_uri
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import Advice, InvalidInputError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.calls.catalog import Catalog

_UNCHECKED = "No {} of MCP {!r} is known yet, so nothing could be checked."
_MOST_GUESSED = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with patterns: `unmatched` match nothing known; `misspelt` of them begin with the name of an MCP.

    `unchecked` says that nothing is known; then nothing is refused.
    """

    unmatched: tuple[str, ...] = ()
    misspelt: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        """Return the findings of both."""
        return Findings(
            self.unmatched + other.unmatched,
            self.misspelt + other.misspelt,
            self.unchecked + other.unchecked,
        )

    def warnings(self, *, allow_unmatched: bool) -> tuple[str, ...]:
        """Return all of it as warnings; raises InvalidInputError instead for a pattern, unless `allow_unmatched`."""
        refused = (*self.misspelt, *self.unmatched)
        if refused and not allow_unmatched:
            raise InvalidInputError(" ".join(refused), advice=Advice.ALLOW_UNMATCHED)
        return (*self.misspelt, *self.unmatched, *self.unchecked)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """What is known of one MCP: the names of tools and prompts without its own name, the URIs and their templates.

    `is_complete` says that the MCP has told what it has, so that a kind without names has none.
    """

    tools: Collection[str] = ()
    prompts: Collection[str] = ()
    resources: Collection[str] = ()
    templates: Collection[str] = ()
    is_complete: bool = False

    def of(self, kind: CapabilityKind) -> Collection[str]:
        """Return the names, or URIs and templates, of one kind."""
        match kind:
            case CapabilityKind.TOOL:
                return self.tools
            case CapabilityKind.PROMPT:
                return self.prompts
            case CapabilityKind.RESOURCE:
                return [*self.resources, *self.templates]

    def unmatched(self, mcp: Mcp, kind: CapabilityKind, patterns: Collection[str]) -> list[str]:
        """Return the patterns of one kind that match nothing known, and not everything either."""
        return [pattern for pattern in sorted(set(patterns)) if not self._match(mcp, kind, pattern)]

    def _match(self, mcp: Mcp, kind: CapabilityKind, pattern: str) -> bool:
        whole = normalise_pattern(pattern, mcp.name, kind)
        if kind is CapabilityKind.RESOURCE:
            return (
                whole == EVERYTHING
                or any(matches_any_uri((whole,), uri) for uri in self.of(kind))
                or any(_may_expand_to(template, whole) for template in self.templates)
            )
        names = (canonical_name(mcp.name, name) for name in ("", *self.of(kind)))
        return any(matches_any((whole,), name) for name in names)


class PatternChecks:
    """Compares patterns with what an MCP listed last."""

    def __init__(self, *, catalog: Catalog, separator: str) -> None:
        self._catalog = catalog
        self._separator = separator

    async def check(self, work: UnitOfWork, mcp: Mcp, named: CapabilityPatterns) -> Findings:
        """Return what is wrong with these patterns of one MCP, in the form in which they were given."""
        known = await self._known(work, mcp)
        found = Findings()
        for kind in CapabilityKind:
            found += await self._check(work, mcp, kind, named.of(kind), known)
        return found

    async def check_tool(self, work: UnitOfWork, mcp: Mcp, tool: str) -> Findings:
        """Return what is wrong with the exact name of a tool of one MCP; its characters are free."""
        known = (await self._known(work, mcp)).tools
        if not known:
            return Findings(unchecked=(_UNCHECKED.format(CapabilityKind.TOOL, mcp.name),))
        if tool in known:
            return Findings()
        return Findings(
            unmatched=(await asyncio.to_thread(_unmatched, tool, mcp, CapabilityKind.TOOL, known),)
        )

    async def _check(
        self, work: UnitOfWork, mcp: Mcp, kind: CapabilityKind, patterns: Collection[str], known: KnownNames
    ) -> Findings:
        names, unmatched, misspelt = known.of(kind), list[str](), list[str]()
        for pattern in await off_loop(known.unmatched, mcp, kind, patterns):
            meant = await self._meant(work, mcp, kind, pattern)
            if meant is not None:
                misspelt.append(f"{pattern!r} matches no {kind} of MCP {mcp.name!r} and {meant}")
            else:
                # The search for similar names takes long among many.
                guesses = names if len(unmatched) < _MOST_GUESSED else ()
                unmatched.append(await asyncio.to_thread(_unmatched, pattern, mcp, kind, guesses))
        if names or known.is_complete or not (unmatched or misspelt):
            return Findings(tuple(unmatched), tuple(misspelt))
        return Findings(unchecked=(_UNCHECKED.format(kind, mcp.name), *misspelt))

    async def _known(self, work: UnitOfWork, mcp: Mcp) -> KnownNames:
        state = self._catalog.state(mcp.mcp_id)
        tools = state.tools
        if not tools and mcp.status is not McpStatus.DRAFT:
            tools = await work.tools.get(mcp.mcp_id)
        return KnownNames(
            tools=[
                mcp.transforms.name_of(tool.name) for tool in tools if mcp.transforms.is_offered(tool.name)
            ],
            prompts=[prompt.name for prompt in state.prompts],
            resources=[resource.uri for resource in state.resources],
            templates=[template.uri_template for template in state.templates],
            is_complete=state.features != NO_FEATURES,
        )

    async def _meant(self, work: UnitOfWork, mcp: Mcp, kind: CapabilityKind, pattern: str) -> str | None:
        """Return what a pattern was to say that begins with the name of an MCP; None for another one."""
        if kind is CapabilityKind.RESOURCE:
            qualified = split_qualified(pattern)
            splits: Iterable[tuple[str, str]] = () if qualified is None else (qualified,)
        else:
            splits = self._splits(pattern.removeprefix(f"{mcp.name}."))
        for name, rest in splits:
            if name == mcp.name:
                return f"begins with that MCP's name; patterns are written without it: {rest!r}."
            if await work.mcps.by_name(name) is not None:
                return f"begins with the name of MCP {name!r}, for which it would be {rest!r}."
        return None

    def _splits(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield every beginning that could be the name of an MCP, with the rest that would be a pattern."""
        for mark in (self._separator, ".", ":"):
            at = pattern.find(mark)
            while at > 0 and "*" not in pattern[:at]:
                yield pattern[:at], pattern[at + len(mark) :] or EVERYTHING
                at = pattern.find(mark, at + 1)


def check_known(
    mcp: Mcp, named: CapabilityPatterns, known: KnownNames, *, allow_unmatched: bool
) -> tuple[str, ...]:
    """Return warnings of patterns that match nothing that a user may know of.

    Raises InvalidInputError instead, unless `allow_unmatched` or nothing of that kind is known.
    """
    warnings: tuple[str, ...] = ()
    for kind in CapabilityKind:
        names, unmatched = known.of(kind), known.unmatched(mcp, kind, named.of(kind))
        guesses = [names if number < _MOST_GUESSED else () for number in range(len(unmatched))]
        texts = (_unmatched(each, mcp, kind, guess) for each, guess in zip(unmatched, guesses, strict=True))
        warnings += Findings(tuple(texts)).warnings(allow_unmatched=allow_unmatched or not names)
    return warnings


def _unmatched(pattern: str, mcp: Mcp, kind: CapabilityKind, known: Collection[str]) -> str:
    if kind is CapabilityKind.RESOURCE:
        near = near_uris(pattern, known)
    else:
        near = near_names(pattern.removeprefix(f"{mcp.name}."), known)
    return f"{pattern!r} matches no {kind} of MCP {mcp.name!r} today{near}."


def _may_expand_to(template: str, pattern: str) -> bool:
    """Tell whether a template may have expansions that a pattern of URIs matches."""
    if EVERYTHING not in pattern:
        return matches_template(template, pattern)
    start, fixed = spell_uri(template.partition("{")[0]), pattern.partition(EVERYTHING)[0]
    return start.startswith(fixed) or fixed.startswith(start)
