"""Keeps an entry until the access that users have granted by OAuth is revoked at its provider."""

from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.credentials.stored_credentials import REVOCATION


async def check_grants_ended(work: UnitOfWork, mcp: Mcp) -> int:
    """Return how many users have values that are deleted with an entry.

    Raises ConflictError while there are grants, or revocations of them to send: both would be deleted with the entry,
    and their tokens would stay valid at the provider.
    """
    given = await work.credentials.of(mcp_id=mcp.mcp_id)
    if any(OAUTH_FIELD in each.fields for each in given):
        raise ConflictError(
            f"Users have connected to MCP {mcp.name!r}, and nothing would end their access at its provider",
            advice=Advice.REVOKE_CREDENTIALS,
            mcp=mcp.name,
        )
    if any(each.pending_id.startswith(REVOCATION) for each in await work.pending.of(mcp_id=mcp.mcp_id)):
        raise ConflictError(
            f"The access of users to MCP {mcp.name!r} is being revoked at its provider; try again in a minute"
        )
    return len(given)
