"""Who a request acts for, and where it came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request acts for; names are carried for the audit only, decisions use the ids."""

    user_id: str
    user_name: str
    key_id: str
    key_name: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    request_id: str
    address: str
