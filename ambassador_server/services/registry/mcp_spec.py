"""Fields of catalog entries that administrators set, and their masked form."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.domain.catalog.mcps import (
    ArgumentPolicy,
    Broadcast,
    Isolation,
    Mcp,
    McpStatus,
    Pin,
    Sessions,
)
from ambassador_server.domain.catalog.transforms import ToolTransforms
from ambassador_server.domain.secrets.marks import REDACTED, WITHHELD
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.shared.names import check_name, check_owner, check_text
from ambassador_server.errors import Advice, InvalidInputError
from ambassador_server.services.changes.writing import EventTemplate
from ambassador_server.services.registry.credential_rules import recorded_needs
from ambassador_server.services.registry.transform_checks import checked_timeout, checked_transforms

Number = TypeVar("Number", int, float)
_MOST_IN_FLIGHT: Final = 4096
_MOST_FAILURES: Final = 1000
_LONGEST_GRACE: Final = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class McpSpec:
    """Fields of an entry to set; None leaves a field as it is, an empty owner removes it."""

    transport: str | None = None
    options: Mapping[str, Any] | None = None
    display_name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    arguments: ArgumentPolicy | None = None
    call_timeout_seconds: float | None = None
    isolation: Isolation | None = None
    pin: Pin | None = None
    prefixed: bool | None = None
    sessions: Sessions | None = None
    credentials: CredentialNeeds | None = None
    transforms: ToolTransforms | None = None
    max_in_flight: int | None = None
    breaker_failures: int | None = None
    grace_seconds: float | None = None
    broadcast: Broadcast | None = None
    owner: str | None = None

    def applied(self, mcp: Mcp) -> Mcp:
        """Return the entry with these fields set, or raise InvalidInputError."""
        plain = {
            "transport": self.transport,
            "arguments": self.arguments,
            "call_timeout_seconds": checked_timeout(self.call_timeout_seconds),
            "isolation": self.isolation,
            "pin": self.pin,
            "prefixed": self.prefixed,
            "sessions": self.sessions,
            "credentials": self.credentials,
            "broadcast": self.broadcast,
            "transforms": None if self.transforms is None else checked_transforms(self.transforms),
            "max_in_flight": _within("calls in flight", self.max_in_flight, 1, _MOST_IN_FLIGHT),
            "breaker_failures": _within("failures of the breaker", self.breaker_failures, 0, _MOST_FAILURES),
            "grace_seconds": _within("seconds of grace", self.grace_seconds, 0, _LONGEST_GRACE),
        }
        fields: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.options is not None:
            fields["options"] = _unmasked_options(self.options, fields.get("transport", mcp.transport), mcp)
        if self.display_name is not None:
            fields["display_name"] = check_text("display name", self.display_name or mcp.name)
        if self.description is not None:
            fields["description"] = check_text("description", self.description)
        if self.tags is not None:
            fields["tags"] = tuple(check_name("tag", tag) for tag in self.tags)
        if self.owner is not None:
            fields["owner"] = check_owner(self.owner)
        return replace(mcp, **fields)


def _within(what: str, value: Number | None, least: int, most: int) -> Number | None:
    """Return a number of the entry, or raise InvalidInputError."""
    if value is not None and not least <= value <= most:
        raise InvalidInputError(f"The {what} must lie between {least} and {most}.")
    return value


def _unmasked_options(options: Mapping[str, Any], transport: str, mcp: Mcp) -> Mapping[str, Any]:
    """Return the options; if they equal the masked form of the stored ones, return the stored ones.

    Other options with a mask are refused: the mask would overwrite a secret, and putting the stored secret there could
    send that secret to another address.
    """
    if transport == mcp.transport and options == mask_options(mcp.options):
        return mcp.options
    if _holds_mask(options):
        raise InvalidInputError(
            f"The options hold {REDACTED!r}, which only stands for a secret while nothing else in them changes.",
            advice=Advice.GIVE_ALL_OPTIONS,
        )
    return options


def _holds_mask(value: Any) -> bool:
    if isinstance(value, str):
        return REDACTED in value or WITHHELD in value
    if isinstance(value, Mapping):
        return any(_holds_mask(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(_holds_mask, value))


def connection_differs(before: Mcp, after: Mcp) -> bool:
    """Tell whether the change requires a new connection to the downstream."""
    return not before.has_same_connection(after)


def needs_test(before: Mcp | None, after: Mcp) -> bool:
    """Tell whether users would lose tools if the changed entry could not be connected to."""
    return before is not None and before.status is McpStatus.PUBLISHED and connection_differs(before, after)


def masked(mcp: Mcp) -> Mcp:
    """Return the entry with secrets masked; revisions are computed from it, so that they do not depend on secrets."""
    return replace(mcp, options=mask_options(mcp.options))


def _details(mcp: Mcp) -> dict[str, Any]:
    return {
        "transport": mcp.transport,
        "options": mask_options(mcp.options),
        "isolation": mcp.isolation,
        "pin": mcp.pin,
        "prefixed": mcp.prefixed,
        "sessions": mcp.sessions,
        "needs": recorded_needs(mcp.credentials),
        "transforms": mcp.transforms.members,
        "broadcast": mcp.broadcast,
        "display_name": mcp.display_name,
        "description": mcp.description,
        "tags": list(mcp.tags),
        "arguments": mcp.arguments,
        "call_timeout_seconds": mcp.call_timeout_seconds,
        "max_in_flight": mcp.max_in_flight,
        "breaker_failures": mcp.breaker_failures,
        "grace_seconds": mcp.grace_seconds,
        "owner": mcp.owner,
    }


EVENTS = EventTemplate(
    created=AuditAction.MCP_CREATE, updated=AuditAction.MCP_UPDATE, resource=mcp_resource, details=_details
)


def hidden_changes(before: Mcp | None, after: Mcp) -> dict[str, Any]:
    """Return the audit details of a change that is invisible because of masks."""
    if before is None or before.options == after.options:
        return {}
    return {} if mask_options(before.options) != mask_options(after.options) else {"secrets_changed": True}
