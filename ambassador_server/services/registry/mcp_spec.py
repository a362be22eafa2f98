"""What administrators say about catalog entries, and what of it they may see again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Isolation, Mcp, McpStatus
from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.shared.names import check_name, check_owner, check_text
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.changes.writing import EventTemplate

MAX_CALL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class McpSpec:
    """What an administrator says about an entry; None says nothing, an empty owner gives it to nobody."""

    transport: str | None = None
    options: Mapping[str, Any] | None = None
    display_name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    arguments: ArgumentPolicy | None = None
    call_timeout_seconds: float | None = None
    isolation: Isolation | None = None
    owner: str | None = None

    def applied(self, mcp: Mcp) -> Mcp:
        """Return the entry as it is to be, or raise InvalidInputError."""
        plain = {
            "transport": self.transport,
            "arguments": self.arguments,
            "call_timeout_seconds": _checked_timeout(self.call_timeout_seconds),
            "isolation": self.isolation,
        }
        said: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.options is not None:
            said["options"] = _kept_options(self.options, said.get("transport", mcp.transport), mcp)
        if self.display_name is not None:
            said["display_name"] = check_text("display name", self.display_name or mcp.name)
        if self.description is not None:
            said["description"] = check_text("description", self.description)
        if self.tags is not None:
            said["tags"] = tuple(check_name("tag", tag) for tag in self.tags)
        if self.owner is not None:
            said["owner"] = check_owner(self.owner)
        return replace(mcp, **said)


def _checked_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds <= MAX_CALL_SECONDS:
        raise InvalidInputError(f"The call timeout must lie between 0 and {MAX_CALL_SECONDS:.0f} seconds.")
    return seconds


def _kept_options(said: Mapping[str, Any], transport: str, mcp: Mcp) -> Mapping[str, Any]:
    """Return the options; those that were shown with masks mean what is stored.

    A mask anywhere else is refused. It would overwrite a secret, or, put beside another address, send the secret there.
    """
    if transport == mcp.transport and said == mask_options(mcp.options):
        return mcp.options
    if _holds_mask(said):
        raise InvalidInputError(
            f"The options hold {REDACTED!r}, which only stands for a secret while nothing else in them changes.",
            hint="Say every option anew, secrets as env://NAME or file:///PATH.",
        )
    return said


def _holds_mask(value: Any) -> bool:
    if isinstance(value, str):
        return REDACTED in value
    if isinstance(value, Mapping):
        return any(_holds_mask(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(_holds_mask, value))


def reach_differs(before: Mcp, after: Mcp) -> bool:
    """Tell whether the two are connected to in different ways."""
    ways = [(mcp.transport, mcp.isolation, dict(mcp.options)) for mcp in (before, after)]
    return ways[0] != ways[1]


def needs_test(before: Mcp | None, after: Mcp) -> bool:
    """Tell whether people would lose their tools if the entry could not be connected to any more."""
    return before is not None and before.status is McpStatus.PUBLISHED and reach_differs(before, after)


def visible(mcp: Mcp) -> Mcp:
    """Return the entry as it may be shown, secrets masked; its revision tells nothing of them either."""
    return replace(mcp, options=mask_options(mcp.options))


def _details(mcp: Mcp) -> dict[str, Any]:
    return {
        "transport": mcp.transport,
        "options": mask_options(mcp.options),
        "isolation": mcp.isolation,
        "display_name": mcp.display_name,
        "description": mcp.description,
        "tags": list(mcp.tags),
        "arguments": mcp.arguments,
        "call_timeout_seconds": mcp.call_timeout_seconds,
        "owner": mcp.owner,
    }


EVENTS = EventTemplate(
    created=AuditAction.MCP_CREATE, updated=AuditAction.MCP_UPDATE, resource=mcp_resource, details=_details
)


def unseen_changes(before: Mcp | None, after: Mcp) -> dict[str, bool]:
    """Return what the audit says of a change that the masks hide."""
    if before is None or before.options == after.options:
        return {}
    return {} if mask_options(before.options) != mask_options(after.options) else {"secrets_changed": True}
