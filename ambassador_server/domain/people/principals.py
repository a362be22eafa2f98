"""Who a request acts for, and where it came from."""

from msgspec import Struct


class Principal(Struct, frozen=True, kw_only=True):
    """Who a request acts for; decisions use the ids, the names are for the audit."""

    user_id: str
    user_name: str
    key_id: str
    key_name: str
    session_id: str | None


class Origin(Struct, frozen=True):
    """Where a request came from: its id, and the address of its sender."""

    request_id: str
    address: str
