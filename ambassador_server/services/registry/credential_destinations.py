"""Keeps values that users have given for one server from being sent to another one."""

from urllib.parse import urlsplit

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.store import UnitOfWork

_PORTS = {"http": 80, "https": 443}


async def check_destination(work: UnitOfWork, before: Mcp | None, after: Mcp) -> None:
    """Raise ConflictError for another address of an entry for which users have given credentials.

    A new command is no other address: a program is updated often, and starting one needs a right of its own.
    """
    if before is None or _origin(before) == _origin(after):
        return
    if await work.credentials.of(mcp_id=before.mcp_id):
        raise ConflictError(
            f"Users have given credentials for MCP {before.name!r} at its present address, which would be sent to "
            "another one",
            advice=Advice.REVOKE_CREDENTIALS,
            mcp=before.name,
        )


def _origin(mcp: Mcp) -> tuple[str, str, int | None] | None:
    """Return the scheme, host and port of the entry's URL, None for a program."""
    url = mcp.options.get("url")
    if not isinstance(url, str):
        return None
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
