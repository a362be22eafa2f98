"""Bodies of the session endpoints, named as the original protocol names them."""

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
    """What a client process sends to open its session."""

    preshared_key: str
    friendly_name: str
    host_tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterResponse:
    """A new session; `session_token` is shown this once. Times are ISO-8601 UTC with milliseconds."""

    session_id: str
    session_token: str
    expires_at: str
    profile_id: str
    connection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatResponse:
    """The session's state after a heartbeat."""

    status: str
    session_status: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectResponse:
    """The connection that was closed."""

    status: str
    connection_id: str
