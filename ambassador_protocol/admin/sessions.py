"""Bodies of `/v1/admin/sessions`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A client process that is registered; its token is nowhere to be seen."""

    id: str
    user: str
    key: str
    friendly_name: str
    host_tool: str
    created_at: str
    last_seen_at: str
    expires_at: str
    ended_at: str | None
