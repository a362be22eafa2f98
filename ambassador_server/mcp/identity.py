"""What the server tells hosts about itself."""

from collections.abc import Mapping
from typing import Any, Final

from ambassador_protocol import __version__
from ambassador_protocol.mcp import TASKS
from ambassador_server.domain.catalog.offers import DownstreamFeatures

SERVER_INFO: Final = {"name": "mcp-ambassador", "title": "MCP Ambassador", "version": __version__}
INSTRUCTIONS: Final = (
    "Tools, resources and prompts that your organisation published for you. They may appear and disappear as grants "
    "change."
)


def server_capabilities(features: DownstreamFeatures, *, modern: bool) -> Mapping[str, Any]:
    """Return the server capabilities for a principal whose MCPs have these features.

    This server tells of changes of every list, because grants change them, whatever the MCPs tell.
    """
    capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
    if features.resources:
        capabilities["resources"] = {"listChanged": True}
        if features.resource_subscriptions:
            capabilities["resources"]["subscribe"] = True
    if features.prompts:
        capabilities["prompts"] = {"listChanged": True}
    if features.completions:
        capabilities["completions"] = {}
    if features.logging:
        capabilities["logging"] = {}
    if features.tasks and modern:
        capabilities["extensions"] = {TASKS: {}}
    return capabilities
