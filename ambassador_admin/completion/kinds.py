"""What a name can be the name of; a parameter of a command says so in its annotation."""

from enum import StrEnum


class NameKind(StrEnum):
    """Keys, enrolments, kill switches, sessions and grants go by their ids."""

    USER = "user"
    GROUP = "group"
    MCP = "mcp"
    KEY = "key"
    ENROLMENT = "enrolment"
    ADMIN_KEY = "admin-key"
    SWITCH = "switch"
    SESSION = "session"
    GRANT = "grant"
    CONTEXT = "context"
