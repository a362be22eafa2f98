"""Kill switches."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SwitchScope(StrEnum):
    """What a kill switch stops."""

    EVERYONE = "everyone"
    USER = "user"
    GROUP = "group"
    KEY = "key"
    SESSION = "session"
    MCP = "mcp"
    TOOL = "tool"
    TOOL_CLASS = "tool_class"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """Stops everything that matches scope and target, until it is lifted or expires; a drill stops nothing.

    `target` is an id (user, group, key, session, mcp), a canonical tool name or a tool class.
    """

    switch_id: str
    scope: SwitchScope
    target: str | None
    target_name: str | None
    reason: str
    message: str | None
    author: str
    drill: bool
    created_at: datetime
    expires_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None

    @property
    def text_for_users(self) -> str:
        """Return what users are told: the message that the author wrote for them, else the reason."""
        return self.message or self.reason

    def is_active(self, now: datetime) -> bool:
        """Tell whether the switch is in force; a drill never is."""
        return (
            not self.drill and self.lifted_at is None and (self.expires_at is None or now < self.expires_at)
        )
