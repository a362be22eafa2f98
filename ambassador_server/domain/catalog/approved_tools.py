"""The tool definitions that an administrator has approved, and how the ones that are offered differ from them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from ambassador_server.domain.catalog.mcps import Tool


class Approval(StrEnum):
    """How the definition that a downstream offers of a tool relates to the approved one."""

    APPROVED = "approved"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class ApprovedTools:
    """The approved definitions of one MCP: the digest of each by the name of the tool."""

    mcp_id: str
    digests: Mapping[str, str]
    approved_at: datetime
    approved_by: str

    @cached_property
    def every_digest(self) -> frozenset[str]:
        """Return the digests alone; each covers the name of its tool as well."""
        return frozenset(self.digests.values())

    @cached_property
    def set_digest(self) -> str:
        """Return the digest of the whole set."""
        return set_digest(self.digests.values())


def set_digest(digests: Iterable[str]) -> str:
    """Return the SHA-256, in hex, of a set of definitions: of the canonical form (RFC 8785) of their sorted digests.

    So the order of a list makes no difference.
    """
    listed = ",".join(f'"{digest}"' for digest in sorted(digests))
    return hashlib.sha256(f"[{listed}]".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolComparison:
    """One tool: the digest that is approved and the tool that is offered, at least one of them."""

    name: str
    approved: str | None
    offered: Tool | None

    @property
    def approval(self) -> Approval:
        """Return how they relate."""
        if self.offered is None:
            return Approval.GONE
        if self.approved is None:
            return Approval.NEW
        return Approval.APPROVED if self.offered.digest == self.approved else Approval.CHANGED


def compare_tools(approved: ApprovedTools | None, offered: Iterable[Tool]) -> list[ToolComparison]:
    """Compare each approved or offered tool, sorted by name; without a record of an approval, every tool is new."""
    digests = {} if approved is None else approved.digests
    tools = {tool.name: tool for tool in offered}
    return [
        ToolComparison(name=name, approved=digests.get(name), offered=tools.get(name))
        for name in sorted(digests.keys() | tools.keys())
    ]
