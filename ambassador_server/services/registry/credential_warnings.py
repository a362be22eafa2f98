"""Warns administrators of what the credentials that an entry declares mean for it."""

from typing import Any

from ambassador_server.domain.catalog.credential_needs import Place
from ambassador_server.domain.catalog.mcps import DownstreamState, Mcp, McpStatus, Pin
from ambassador_server.domain.catalog.value_destinations import moved_fields
from ambassador_server.errors import InvalidInputError, NotFoundError
from ambassador_server.services.changes.audited_change import Change
from ambassador_server.services.changes.lookups import find_issuer
from ambassador_server.services.registry.connection_tests import lacking_for_test


def warnings_about(mcp: Mcp, state: DownstreamState) -> list[str]:
    """Return a warning for each value that other programs can see, and one if nobody has listed the entry yet."""
    warnings = [
        f"Credential {field.name!r} is an argument: its value is visible in the process list of the server's machine. "
        "Prefer the environment if the program reads one."
        for field in mcp.credentials.fields
        if field.place is Place.ARGUMENT
    ]
    if mcp.status is McpStatus.PUBLISHED and not state.tools and lacking_for_test(mcp.credentials):
        waits = ", and waits for your approval then" if mcp.pin is Pin.BLOCK else ""
        warnings.append(
            f"What it offers becomes known when the first user's connection lists it{waits}, because only users have "
            "the credential that it needs."
        )
    return warnings


async def check_provider(change: Change, after: Mcp) -> None:
    """Refuse a published entry whose provider is no issuer of tokens; warn of it before that.

    An entry may be declared before its provider is, because the issuers of a file come after the MCPs.
    """
    name = after.credentials.provider
    if name is None:
        return
    try:
        issuer = await find_issuer(change.work, name)
    except NotFoundError as error:
        if after.status is McpStatus.PUBLISHED:
            raise
        change.warnings.append(f"{error.message}: the MCP cannot be published without it.")
        return
    if not issuer.signs_tokens:
        raise InvalidInputError(
            f"OAuth: the provider {name!r} issues no access tokens that can be exchanged."
        )


async def asked_again(change: Change, before: Mcp, after: Mcp) -> dict[str, Any]:
    """Return the audit details of a change by which values of users go elsewhere, and warn its author."""
    moved = moved_fields(before, after)
    if not moved:
        return {}
    given = await change.work.credentials.of(mcp_id=after.mcp_id)
    users = sum(1 for each in given if moved & set(each.fields))
    if not users:
        return {}
    change.warnings.append(
        f"{users} users have to give {', '.join(sorted(moved))} again: what they gave is not sent to another address "
        "or put into another place."
    )
    return {"asked_again": users}
