"""Warns administrators of what the credentials that an entry declares mean for it."""

from ambassador_server.domain.catalog.credential_needs import Place
from ambassador_server.domain.catalog.mcps import DownstreamState, Mcp, McpStatus, Pin
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
