"""Converts the wire form of what an MCP changes of its tools."""

import json
from collections.abc import Mapping
from typing import Any

from ambassador_protocol.admin.tool_transforms import ToolTransformBody
from ambassador_server.domain.catalog.transforms import ToolTransform, ToolTransforms
from ambassador_server.errors import InvalidInputError


def tool_transforms(bodies: Mapping[str, ToolTransformBody]) -> ToolTransforms:
    """Convert the wire form to ToolTransforms, which are not checked yet; raises InvalidInputError."""
    return ToolTransforms(by_tool={name: _transform(name, body) for name, body in bodies.items()})


def _transform(tool: str, body: ToolTransformBody) -> ToolTransform:
    return ToolTransform(
        name=body.name or None,
        description=body.description,
        description_suffix=body.description_suffix or None,
        hidden=body.hidden,
        fixed_arguments=_texts(tool, body.fixed_arguments),
        default_arguments=_texts(tool, body.default_arguments),
        annotations=body.annotations,
        result_bytes=body.result_bytes,
        call_timeout_seconds=body.call_timeout_seconds,
    )


def _texts(tool: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {
            name: json.dumps(value, allow_nan=False, separators=(",", ":"))
            for name, value in arguments.items()
        }
    except (ValueError, RecursionError):
        raise InvalidInputError(f"Tool {tool!r}: an argument has a value that is no JSON.") from None
