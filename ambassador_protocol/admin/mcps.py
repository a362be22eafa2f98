"""Bodies of `/v1/admin/mcps`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from ambassador_protocol.admin.credential_needs import CredentialsBody
from ambassador_protocol.admin.enumerations import (
    Approval,
    ArgumentPolicy,
    BreakerState,
    Broadcast,
    Cue,
    DownstreamStatus,
    Isolation,
    McpStatus,
    Pin,
    SessionSharing,
    ToolClass,
)
from ambassador_protocol.admin.strict import STRICT
from ambassador_protocol.admin.tool_transforms import ToolTransformBody

LONGEST_CONNECT_SECONDS: Final = 60.0
"""How long the server tries to connect to an MCP, also while an administrator waits for a test or a publication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMcp:
    """`POST /v1/admin/mcps`: adds a draft entry; `options` are those of the transport (`command`, `url`, …)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    transport: str
    options: dict[str, Any]
    display_name: str | None = None
    description: str = ""
    tags: list[str] = field(default_factory=list)
    arguments: ArgumentPolicy = "redacted"
    call_timeout_seconds: float = 60.0
    max_in_flight: int = 256
    breaker_failures: int = 0
    grace_seconds: float = 0.0
    isolation: Isolation = "shared"
    owner: str | None = None
    pin: Pin = "block"
    prefixed: bool = True
    sessions: SessionSharing = "auto"
    broadcast: Broadcast = "off"
    credentials: CredentialsBody = field(default_factory=CredentialsBody)
    transforms: dict[str, ToolTransformBody] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeValues:
    """`POST /v1/admin/mcps/{name}/publish` and `…/test`: values of credentials for the test of the connection alone.

    They are given by field, for fields that have no reference, and `oauth` is an access token. They are never stored.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    one_time_values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpPut:
    """`PUT` and `PATCH /v1/admin/mcps/{name}`: absent members stay as they are, or get their defaults.

    A new entry needs `transport` and `options`. `options` replaces all of them; options that are sent as they were
    shown, with their masks, stay unchanged. `credentials` replaces all fields and the access by OAuth, `transforms`
    those of all tools. The server connects with the new options of a published entry before it stores them, unless the
    query says `test=false`; `one_time_values` are those of credentials for this test.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    transport: str | None = None
    options: dict[str, Any] | None = None
    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    arguments: ArgumentPolicy | None = None
    call_timeout_seconds: float | None = None
    max_in_flight: int | None = None
    breaker_failures: int | None = None
    grace_seconds: float | None = None
    isolation: Isolation | None = None
    owner: str | None = None
    pin: Pin | None = None
    prefixed: bool | None = None
    sessions: SessionSharing | None = None
    broadcast: Broadcast | None = None
    credentials: CredentialsBody | None = None
    transforms: dict[str, ToolTransformBody] | None = None
    one_time_values: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutToolView:
    """A tool that an MCP lists but that cannot be offered; `name` is empty if it has none."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class McpView:
    """A catalog entry and the state of its downstream; secrets in `options` are masked.

    `connections`, `calls_in_flight` and `restarts` count the shared and the per-user ones of the answering server.
    `resources` counts templates of resources as well. `tools_left_out` counts the tools that the MCP lists but that
    cannot be offered; `left_out` has the first of them.
    `last_error` stays when the connection has recovered; that of an entry that is not published is of its last test.
    `warnings` tell what else is wrong with the list of its tools.
    `sandbox` is the one in which that server starts the program; null if there is no program, or no sandbox for it.
    With `pin` `block` a tool is not offered while its definition differs from the approved one, with `warn` it is;
    `waiting` counts these tools and those that are gone. `approved_set` and `offered_set` are SHA-256 digests, in hex,
    of all definitions that are approved and offered; null if nothing is approved, or the entry is not published.
    With `prefixed` the published names of its tools and prompts begin with its name; without, they are the plain ones
    where no other published name is equal. `sessions` says whether users share one MCP session with it: always
    (`shared`), never (`per_user`), or as long as it keeps no state of a session (`auto`). `broadcast` says which of its
    tools can be called together with those of other MCPs: none (`off`), those that only read (`read_only`), or `all`.
    While the `breaker` of the answering server is not `closed`, calls are refused at once; `next_probe_at` is when it
    tries next. With `withdrawn` the MCP was away for too long, and what it last offered is not listed any more.
    Each connection may have `max_in_flight` calls. After `breaker_failures` in a row the breaker opens, and after
    `grace_seconds` what the MCP last offered is withdrawn; 0 stands for the setting of the server.
    `credentials` and `transforms` have the form in which they are declared, without members that have their default.
    """

    name: str
    display_name: str
    description: str
    transport: str
    options: dict[str, Any]
    tags: list[str]
    arguments: ArgumentPolicy
    call_timeout_seconds: float
    max_in_flight: int
    breaker_failures: int
    grace_seconds: float
    isolation: Isolation
    pin: Pin
    prefixed: bool
    sessions: SessionSharing
    broadcast: Broadcast
    credentials: dict[str, Any]
    transforms: dict[str, Any]
    status: McpStatus
    state: DownstreamStatus
    error: str | None
    last_error: str | None
    last_error_at: str | None
    tools: int
    resources: int
    prompts: int
    waiting: int
    approved_set: str | None
    offered_set: str | None
    tools_left_out: int
    left_out: list[LeftOutToolView]
    warnings: list[str]
    breaker: BreakerState
    next_probe_at: str | None
    withdrawn: bool
    connections: int
    calls_in_flight: int
    restarts: int
    sandbox: str | None
    owner: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputView:
    """One line that a downstream wrote besides MCP, secrets masked; `user` is set for a per-user connection."""

    user: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A text in a definition that may be meant to steer the model that reads it.

    `place` is a JSON pointer in the definition, `excerpt` the text around the cue, with escapes for what is not
    printable.
    """

    place: str
    cue: Cue
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """One tool of a catalog entry with its canonical name (`name`), its exact spelling and its published name.

    The spelling (`pattern`) is what grants and kill switches take; it tells characters apart that look alike.
    `approval` compares its definition with the approved one; a tool that is `gone` is not offered any more.
    The names, the class and the description are those that users get; what begins with `own` is the downstream's.
    `changed` names the members of its transforms. A tool that is `hidden` is not offered. `findings` are about the
    definition that the downstream offers; `findings_left_out` counts those beyond the first. `broadcast_as` is the name
    under which it is called together with those of other MCPs, `not_broadcast` says why it is not, although its MCP
    broadcasts; both are empty otherwise.
    """

    name: str
    pattern: str
    published_as: str
    tool_class: ToolClass
    approval: Approval
    description: str
    own_name: str
    own_tool_class: ToolClass
    own_description: str
    hidden: bool
    changed: list[str]
    findings: list[FindingView]
    findings_left_out: int
    broadcast_as: str
    not_broadcast: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """One resource of a catalog entry, or a template of resources, by the MCP's own URI.

    `pattern` is the exact spelling of the URI, which grants take, `published_as` the URI by which hosts read it.
    """

    uri: str
    pattern: str
    published_as: str
    template: bool
    name: str
    mime_type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """One prompt of a catalog entry, with its names as those of a tool."""

    name: str
    pattern: str
    published_as: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionView:
    """A tool whose definition differs from the approved one; `tool` is its own name, without that of the MCP.

    The definitions are JSON texts, the digests SHA-256 over their canonical form (RFC 8785), in hex. Those of a new
    tool's approved definition, and those of what a tool that is gone offers, are null. If a new tool has the definition
    of one that is gone but for the name, `renamed_from` and `renamed_to` name the other one. `findings` are about the
    offered definition; `findings_left_out` counts those beyond the first.
    """

    tool: str
    approval: Approval
    approved_digest: str | None
    offered_digest: str | None
    approved: str | None
    offered: str | None
    renamed_from: str | None
    renamed_to: str | None
    findings: list[FindingView]
    findings_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionApproval:
    """`POST /v1/admin/mcps/{name}/approve`: approves definitions by their digests, null for a tool that is gone.

    The server refuses a digest that is not the one of what the downstream offers now.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: dict[str, str | None]
