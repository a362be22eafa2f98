"""How an administrator changes the tools of an MCP for its users: names, descriptions, arguments and annotations.

The values of arguments are JSON texts, so that `1` and `true` differ and nothing is written in another way.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final

EVERY_TOOL: Final = "*"
"""The key of what holds for all tools of an MCP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTransform:
    """What is changed of one tool, or of all; a member that is None or empty changes nothing.

    A caller cannot send a fixed argument, and a default argument is added where the caller sends none. A result of more
    than `result_bytes` becomes an error. `call_timeout_seconds` replaces that of the MCP.
    """

    name: str | None = None
    description: str | None = None
    description_suffix: str | None = None
    hidden: bool | None = None
    fixed_arguments: Mapping[str, str] = field(default_factory=dict)
    default_arguments: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, bool | str] = field(default_factory=dict)
    result_bytes: int | None = None
    call_timeout_seconds: float | None = None

    def over(self, every: "ToolTransform") -> "ToolTransform":
        """Return both together; a member of this one, and a key in one of its mappings, comes first."""
        return ToolTransform(
            name=self.name,
            description=_first(self.description, every.description),
            description_suffix=_first(self.description_suffix, every.description_suffix),
            hidden=_first(self.hidden, every.hidden),
            fixed_arguments={**every.fixed_arguments, **self.fixed_arguments},
            default_arguments={**every.default_arguments, **self.default_arguments},
            annotations={**every.annotations, **self.annotations},
            result_bytes=_first(self.result_bytes, every.result_bytes),
            call_timeout_seconds=_first(self.call_timeout_seconds, every.call_timeout_seconds),
        )

    def described(self, description: str) -> str:
        """Return the description of a tool after the change."""
        text = description if self.description is None else self.description
        return "\n\n".join(each for each in (text, self.description_suffix) if each)

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the names of the members that change something."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) not in (None, {}))

    @property
    def members(self) -> dict[str, Any]:
        """Return the members that change something as a document, with the values of arguments."""
        found = {name: getattr(self, name) for name in self.changed}
        for name in ("fixed_arguments", "default_arguments"):
            if name in found:
                found[name] = {key: json.loads(text) for key, text in found[name].items()}
        return found


@dataclass(frozen=True, kw_only=True)
class ToolTransforms:
    """The transforms of one MCP by the downstream's own names of its tools, or by EVERY_TOOL."""

    by_tool: Mapping[str, ToolTransform] = field(default_factory=dict)

    def of(self, tool_name: str) -> ToolTransform | None:
        """Return what is changed of a tool, None if nothing is."""
        own, every = self.by_tool.get(tool_name), self.by_tool.get(EVERY_TOOL)
        if own is None or every is None:
            return own or every
        return own.over(every)

    def name_of(self, tool_name: str) -> str:
        """Return the name of a tool after the change."""
        own = self.by_tool.get(tool_name)
        return tool_name if own is None or own.name is None else own.name

    def is_offered(self, tool_name: str) -> bool:
        """Tell whether a tool is offered: it is not hidden, and no other tool was given its name."""
        found = self.of(tool_name)
        return not (found is not None and found.hidden) and self.taken_by(tool_name) is None

    def taken_by(self, tool_name: str) -> str | None:
        """Return the own name of the other tool that was given the name of this one, None if there is none."""
        taker = self._given.get(self.name_of(tool_name), tool_name)
        return None if taker == tool_name else taker

    @property
    def members(self) -> dict[str, Any]:
        """Return the document: what is changed of each tool."""
        return {name: each.members for name, each in self.by_tool.items()}

    @cached_property
    def _given(self) -> dict[str, str]:
        return {each.name: own for own, each in self.by_tool.items() if each.name is not None}


NO_TRANSFORMS: Final = ToolTransforms()
"""Changes nothing; every entry without transforms has this one."""


def compared_name(name: str) -> str:
    """Return the form in which names of arguments are compared with fixed ones.

    Some downstreams take names without regard to case, or end them at a zero byte.
    """
    return unicodedata.normalize("NFKC", name.partition("\0")[0]).casefold()


def _first(own: Any, every: Any) -> Any:
    return every if own is None else own
