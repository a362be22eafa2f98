"""What a request for access names: an MCP, or one tool of it. Whether it exists is nothing that the asker learns."""

from dataclasses import dataclass
from typing import Final, Self

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import check_mcp_name
from ambassador_server.domain.policy.grants import CapabilityPatterns, normalise_pattern
from ambassador_server.domain.policy.pattern_spelling import EVERYTHING, exact_name
from ambassador_server.errors import InvalidInputError

_LONGEST: Final = 512
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class AskedAccess:
    """An MCP, all of it or one tool, by names; `tool` is the exact spelling of its name with that of the MCP."""

    mcp: str
    tool: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `mcp` or `mcp.tool`, for which nothing is looked up. Raises InvalidInputError for another form."""
        mcp, dot, tool = text.partition(".")
        if len(text) > _LONGEST or EVERYTHING in text or (dot and not tool):
            raise InvalidInputError(
                f"{text[:_SHOWN]!r} is neither the name of an MCP nor that of a tool, such as time or "
                f"time.get_current_time, of at most {_LONGEST} characters."
            )
        check_mcp_name(mcp)
        return cls(mcp, normalise_pattern(text, mcp) if dot else None)

    @property
    def name(self) -> str:
        """Return the name as it is stored and shown."""
        return self.mcp if self.tool is None else self.tool

    @property
    def canonical(self) -> str | None:
        """Return the canonical name of the tool; None for a whole MCP."""
        return None if self.tool is None else exact_name(self.tool)

    @property
    def kind(self) -> CapabilityKind | None:
        """Return the kind of what is asked for; None for a whole MCP."""
        return None if self.tool is None else CapabilityKind.TOOL

    @property
    def named(self) -> CapabilityPatterns:
        """Return what the grant is about that an approval makes: exactly this."""
        return CapabilityPatterns((EVERYTHING,) if self.tool is None else (self.tool,))
