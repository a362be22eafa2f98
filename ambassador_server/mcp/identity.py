"""What the server tells every host about itself."""

from typing import Final

from ambassador_protocol import __version__

SERVER_INFO: Final = {"name": "mcp-ambassador", "title": "MCP Ambassador", "version": __version__}
INSTRUCTIONS: Final = (
    "Tools your organisation published for you. Tools may appear and disappear as grants change."
)
