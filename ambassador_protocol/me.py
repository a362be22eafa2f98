"""Bodies of `/v1/enrol` and `/v1/me`: what users see and change of their own access."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import KeyMetaTools
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """`POST /v1/enrol`: the one-time code; case and dashes do not matter."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKeyView:
    """The key that authenticated the request, without its secret."""

    id: str
    name: str
    prefix: str
    created_at: str
    expires_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTokenView:
    """The access token or certificate that authenticated the request in place of a key.

    `issuer` is who issued it, `serial` the number of a certificate.
    """

    issuer: str
    serial: str | None
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnIssuedKey:
    """A new key of the user; `preshared_key` is returned only here, `old_key_ends_at` is when the replaced key ends."""

    user: str
    key: OwnKeyView
    preshared_key: str
    old_key_ends_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """The session whose token authenticated the request."""

    id: str
    friendly_name: str
    host_tool: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStop:
    """A kill switch that stops the user or granted tools, and what its author tells users.

    `target` is the name of the MCP, the tool or the class of tools; None where the user is stopped.
    """

    scope: str
    target: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """`GET /v1/me`: `session` is None when the key was sent; `refused` is why no tool is permitted.

    With an access token or a certificate alone, `key` is None, and `token` describes it.

    `missing_credentials` names the granted MCPs that need a credential which the user has not given. `meta_tools` tells
    whether hosts with this key search the tools instead of listing them.
    """

    user: str
    display_name: str
    groups: list[str]
    key: OwnKeyView | None
    token: OwnTokenView | None
    session: OwnSession | None
    tools: int
    refused: str | None
    stops: list[OwnStop]
    missing_credentials: list[str]
    meta_tools: bool
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMetaTools:
    """`PUT /v1/me/meta-tools`: the choice of the key of the request; `inherit` is that of the user."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    meta_tools: KeyMetaTools


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRotation:
    """`POST /v1/me/key/rotate`: `overlap_seconds` is how long the old key stays valid beside the new one.

    `preshared_key` is the old key itself, also where the request has a session token.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    preshared_key: str
    overlap_seconds: int = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTool:
    """A tool that is visible to the user; `refused` is None for one that the user may call now.

    `message` is what the author of the kill switch that stops it tells users.
    """

    name: str
    published_as: str
    description: str
    tool_class: str
    refused: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnResource:
    """A resource, or a template of resources, that is visible to the user; otherwise as a tool.

    `uri` is the MCP's own URI, which selections take, and `published_as` the one by which it can be read.
    """

    uri: str
    published_as: str
    refused: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrompt:
    """A prompt that is visible to the user; otherwise as a tool."""

    name: str
    published_as: str
    refused: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMcp:
    """An MCP of which something is granted.

    `selected` holds the patterns of tools of the subscription, None without one; `selected_resources` and
    `selected_prompts` are None as well if the subscription says nothing about them.
    """

    name: str
    display_name: str
    description: str
    delivery: str
    subscribed: bool
    selected: list[str] | None
    selected_resources: list[str] | None
    selected_prompts: list[str] | None
    tools: list[OwnTool]
    resources: list[OwnResource]
    prompts: list[OwnPrompt]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedMcp(OwnMcp):
    """An MCP after its selection was changed; `warnings` name patterns that match nothing now."""

    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCatalog:
    """`GET /v1/me/catalog`."""

    mcps: list[OwnMcp]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSubscriptionPut:
    """`PUT /v1/me/subscriptions/{mcp}`: patterns as in a grant, which select among what is granted; without any, all.

    They must match what the user may know of, unless `allow_unmatched` is true or nothing is known.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: list[str] | None = None
    resources: list[str] | None = None
    prompts: list[str] | None = None
    allow_unmatched: bool | None = None
