"""The catalog: downstream MCP servers and what they offer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS, CredentialNeeds
from ambassador_server.domain.catalog.offers import (
    NO_FEATURES,
    DownstreamFeatures,
    ListedResource,
    Prompt,
    ResourceTemplate,
)
from ambassador_server.domain.catalog.transforms import NO_TRANSFORMS, ToolTransforms
from ambassador_server.errors import InvalidInputError

_MCP_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


class McpStatus(StrEnum):
    """Where a catalog entry is in its life; only the tools of a published MCP can be called."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class ArgumentPolicy(StrEnum):
    """How much of a call's arguments the audit keeps."""

    NONE = "none"
    KEYS = "keys"
    REDACTED = "redacted"
    FULL = "full"


class Isolation(StrEnum):
    """Whether all users share one connection to a downstream, or each has their own."""

    SHARED = "shared"
    PER_USER = "per_user"


class Sessions(StrEnum):
    """Whether users share one MCP session with a downstream: always, never, or as long as it keeps no state of them."""

    SHARED = "shared"
    PER_USER = "per_user"
    AUTO = "auto"


class Pin(StrEnum):
    """What happens to a tool whose definition is new or differs from the approved one.

    It waits for an approval and is stopped until then (`block`), it waits and can be used meanwhile (`warn`), or it
    does not wait (`off`).
    """

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


class Broadcast(StrEnum):
    """Which tools of an MCP can be called together with those of other MCPs: none, those that only read, or all."""

    OFF = "off"
    READ_ONLY = "read_only"
    ALL = "all"


class ToolClass(StrEnum):
    """What a tool may do according to its annotations; without annotations it counts as destructive."""

    READ_ONLY = "read-only"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class DownstreamStatus(StrEnum):
    """State of the connection to a downstream; while `degraded`, its last known tools stay in the catalog."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"


class BreakerState(StrEnum):
    """Whether calls reach a downstream: refused while it is `open`, and while a probe runs (`half_open`)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool as its downstream describes it; `definition` is the unchanged JSON object, `digest` identifies it."""

    name: str
    description: str
    tool_class: ToolClass
    definition: bytes
    digest: str


DEFAULT_IN_FLIGHT: Final = 256
"""How many calls one connection to an MCP may have in flight, unless an administrator says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcp:
    """A catalog entry; `transport` names a module in `downstream/transports`, `options` are those of that transport.

    If it is not `prefixed`, its tools and prompts are published by their own names where these are unambiguous.
    Each of its connections may have `max_in_flight` calls. `breaker_failures` and `grace_seconds` replace the settings
    of the server, unless they are 0.
    """

    mcp_id: str
    name: str
    display_name: str
    description: str
    transport: str
    options: Mapping[str, Any]
    tags: tuple[str, ...]
    status: McpStatus
    arguments: ArgumentPolicy
    call_timeout_seconds: float
    created_at: datetime
    updated_at: datetime
    isolation: Isolation = Isolation.SHARED
    owner: str | None = None
    pin: Pin = Pin.BLOCK
    prefixed: bool = True
    sessions: Sessions = Sessions.AUTO
    credentials: CredentialNeeds = NO_CREDENTIALS
    transforms: ToolTransforms = NO_TRANSFORMS
    max_in_flight: int = DEFAULT_IN_FLIGHT
    breaker_failures: int = 0
    grace_seconds: float = 0.0
    broadcast: Broadcast = Broadcast.OFF

    def broadcasts(self, tool_class: ToolClass) -> bool:
        """Tell whether a tool of this class can be called together with those of other MCPs."""
        if self.broadcast is Broadcast.READ_ONLY:
            return tool_class is ToolClass.READ_ONLY
        return self.broadcast is Broadcast.ALL

    def has_same_connection(self, other: "Mcp") -> bool:
        """Tell whether the running connections of this entry would serve the other one, too."""
        return self.connection == other.connection

    @property
    def connection(self) -> tuple[object, ...]:
        """Return what the running connections depend on."""
        needs = self.credentials.without_texts
        return self.transport, self.isolation, self.sessions, dict(self.options), needs


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutTool:
    """A tool that a downstream lists but that cannot be offered, in short printable texts; the name may be empty."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolListReport:
    """What is wrong with one list of tools: how many cannot be offered, the first of them, and warnings."""

    left_out_count: int = 0
    left_out: tuple[LeftOutTool, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamFailure:
    """Why and when a connection to a downstream, or an attempt to open one, failed."""

    error: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamState:
    """The status and error of one downstream, what it offers, and what is wrong with its lists.

    `last_failure` stays when the downstream has recovered and `error` is None again. What it offers is `withdrawn` if
    it could not be used for longer than what was last known of it is served.
    """

    status: DownstreamStatus
    error: str | None
    tools: tuple[Tool, ...]
    report: ToolListReport = ToolListReport()
    last_failure: DownstreamFailure | None = None
    resources: tuple[ListedResource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    features: DownstreamFeatures = NO_FEATURES
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamActivity:
    """Counts of one downstream's connections and calls; `restarts` are attempts to connect after the first.

    `next_probe_at` is set while the breaker is open and no probe runs.
    """

    connections: int = 0
    in_flight: int = 0
    restarts: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    next_probe_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOffer:
    """A sandbox for programs: whether this machine offers it, what it holds back there, or why it is not offered."""

    kind: str
    available: bool
    is_default: bool
    detail: str


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that a downstream wrote apart from MCP, masked; `user_id` is set for a connection of one user."""

    user_id: str | None
    text: str


def classify_tool(annotations: Mapping[str, Any]) -> ToolClass:
    """Return the class that `readOnlyHint` and `destructiveHint` give, with the defaults of the protocol."""
    if annotations.get("readOnlyHint") is True:
        return ToolClass.READ_ONLY
    if annotations.get("destructiveHint") is False:
        return ToolClass.WRITE
    return ToolClass.DESTRUCTIVE


def check_mcp_name(name: str) -> str:
    """Return the name, or raise InvalidInputError: lower case, digits, `_` and `-`, up to 100."""
    if _MCP_NAME.fullmatch(name) is None:
        raise InvalidInputError(
            f"{name!r} is not an MCP name: lower-case letters, digits, '_' and '-', starting with a letter or digit."
        )
    return name


def canonical_name(mcp_name: str, tool_name: str) -> str:
    """Return `mcp.tool`, the name policy and audit use."""
    return f"{mcp_name}.{tool_name}"
