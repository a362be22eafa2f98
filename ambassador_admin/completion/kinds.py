"""The kinds of names that shells complete; parameters of commands have them in their annotations."""

from enum import StrEnum


class NameKind(StrEnum):
    """A kind of name; that of keys, enrolments, kill switches, sessions and grants is their id."""

    USER = "user"
    GROUP = "group"
    MCP = "mcp"
    KEY = "key"
    ENROLMENT = "enrolment"
    ADMIN_KEY = "admin-key"
    SWITCH = "switch"
    SESSION = "session"
    GRANT = "grant"
    LIMIT = "limit"
    APPROVAL = "approval"
    ISSUER = "issuer"
    CONTEXT = "context"
