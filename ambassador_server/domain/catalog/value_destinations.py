"""Says where a value that a user has given may go, so that it is sent nowhere else when an MCP is changed."""

from urllib.parse import urlsplit

from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, PROGRAM_PLACES, CredentialField
from ambassador_server.domain.catalog.mcps import Mcp


def destination(mcp: Mcp, field: CredentialField) -> str:
    """Return the place and, of an MCP over HTTP, the address to which a value goes.

    Several MCPs may share a host, so the path counts. Which command a program runs does not: that needs a right of its
    own, and every new version of a program would ask all users again.
    """
    return str(field.place) if field.place in PROGRAM_PLACES else f"{field.place} {_address(mcp)}"


def moved_fields(before: Mcp, after: Mcp) -> frozenset[str]:
    """Return the fields whose values go elsewhere after a change, so that users have to give them again."""
    fields = {field.name: field for field in before.credentials.user_fields}
    moved = {
        field.name
        for field in after.credentials.user_fields
        if field.name in fields and destination(before, fields[field.name]) != destination(after, field)
    }
    if after.credentials.needs_connect and before.options.get("url") != after.options.get("url"):
        moved.add(OAUTH_FIELD)
    return frozenset(moved)


def _address(mcp: Mcp) -> str:
    return urlsplit(str(mcp.options.get("url", "")))._replace(query="", fragment="").geturl()
