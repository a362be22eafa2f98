"""Bodies about requests that another person decides: `/v1/admin/approvals` and `/v1/me/requests`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import RequestKind, RequestStatus
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request for one call, or for access, that another person decides.

    Members of the group `approvers` decide it, or administrators if that is null. `capability` is the tool, the prompt
    or the MCP's own URI, `grant` the id of the grant that demands the approval, `call_sha256` the digest of the call
    with its arguments. A pending request waits until `expires_at`, and an approved call may run until then; it is null
    when the request is over.

    Of access that was given, `grant` is the grant that was made, and `access_until` its end, which is null when the
    grant was removed.
    """

    id: str
    kind: RequestKind
    status: RequestStatus
    user: str
    key: str | None
    mcp: str | None
    capability_kind: str | None
    capability: str | None
    approvers: str | None
    grant: str | None
    call_sha256: str | None
    valid_seconds: int
    reason: str | None
    created_at: str
    expires_at: str | None
    access_until: str | None
    decided_at: str | None
    decided_by: str | None
    decision_reason: str | None
    used_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDetail(RequestView):
    """A request with what is decided about.

    Of access, administrators see in `content` whether it exists now: `mcp_exists`, and `tool_exists`, which is null for
    a whole MCP and where no tools are known.

    Of a call, `content` has the `method`, the `arguments` as the audit policy of the MCP lets them be seen, and their
    size in `arguments_bytes`; with `is_cut`, `arguments` is the beginning of their JSON.
    """

    content: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRequests:
    """`GET /v1/me/requests`: up to 100 requests of the user, or that the user may decide, newest first."""

    requests: list[RequestDetail]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccessRequest:
    """`POST /v1/me/requests`: asks for access to an MCP, or to one tool of it as `mcp.tool`, for so many seconds.

    The answer does not tell whether it exists. Asking again for the same returns the request that waits.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    access: str
    reason: str
    for_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecision:
    """`POST .../approve` and `POST .../deny`: why; the user who asked sees it.

    An approval is good for `for_seconds`, at most as long as the request says, which is the default.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    reason: str | None = None
    for_seconds: int | None = None
