"""Small real MCP servers for tests: `stdio_server` (standard library), `http_server` and
`sse_server` (aiohttp), `sdk_server`.

Each runs as `python -m tests.fakes.mcp_servers.<name>` from the root of the repository.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def command(server: str, *flags: str) -> list[str]:
    """Return the command line of one of these servers; its working directory must be ROOT."""
    return [sys.executable, "-m", f"tests.fakes.mcp_servers.{server}", *flags]


def stdio_options(*flags: str, server: str = "stdio_server", **more: Any) -> dict[str, Any]:
    """Return the catalog options of one of these servers over stdio."""
    return {"command": command(server, *flags), "cwd": str(ROOT), **more}
