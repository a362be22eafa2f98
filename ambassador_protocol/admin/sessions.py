"""Bodies of `/v1/admin/sessions`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """The session of one client process, without its token."""

    id: str
    user: str
    key: str
    friendly_name: str
    host_tool: str
    created_at: str
    last_seen_at: str
    expires_at: str
    ended_at: str | None
