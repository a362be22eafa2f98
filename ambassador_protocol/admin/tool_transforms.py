"""The member `transforms` of an MCP: how the tools that users get differ from those of the downstream."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final

from ambassador_protocol.admin.strict import STRICT

EVERY_TOOL: Final = "*"
"""The key of what holds for all tools of an MCP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTransformBody:
    """What is changed of one tool, by the downstream's own name, or of all by `*`; that of one tool comes first.

    `name` is the new name without that of the MCP. `description` replaces the downstream's, and `description_suffix`
    follows it. A `hidden` tool is neither listed nor callable. Callers cannot send `fixed_arguments`, and
    `default_arguments` are added where they are not sent. `annotations` replace single ones of the downstream. A result
    of more than `result_bytes` is replaced by an error. `call_timeout_seconds` replaces the deadline of the MCP.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str | None = None
    description: str | None = None
    description_suffix: str | None = None
    hidden: bool | None = None
    fixed_arguments: dict[str, Any] = field(default_factory=dict)
    default_arguments: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, bool | str] = field(default_factory=dict)
    result_bytes: int | None = None
    call_timeout_seconds: float | None = None


_DEFAULTS: Final = asdict(ToolTransformBody())


def short_transforms(transforms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the short form of `transforms`, without members that change nothing: the form that is shown."""
    short = {
        tool: {name: value for name, value in members.items() if value != _DEFAULTS.get(name)}
        for tool, members in transforms.items()
    }
    return {tool: members for tool, members in short.items() if members}
