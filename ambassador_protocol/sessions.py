"""Bodies of `/v1/sessions`, with the names of the original protocol."""

from dataclasses import dataclass

HOST_TOOLS = (
    "vscode",
    "claude-desktop",
    "claude-code",
    "opencode",
    "gemini-cli",
    "chatgpt",
    "jetbrains",
    "cursor",
    "windsurf",
    "codex",
    "zed",
    "goose",
    "cli",
    "custom",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest:
    """Opens a session for a client process."""

    preshared_key: str
    friendly_name: str
    host_tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterResponse:
    """A new session; `session_token` is returned only here. Times are ISO-8601 UTC with milliseconds."""

    session_id: str
    session_token: str
    expires_at: str
    profile_id: str
    connection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatResponse:
    """The state of the session after a heartbeat."""

    status: str
    session_status: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectResponse:
    """The id of the connection that was closed."""

    status: str
    connection_id: str
