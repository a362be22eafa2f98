"""The fields by which the store in memory filters and sorts its lists, in plain Python."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ambassador_server.domain.catalog.mcps import Broadcast, Isolation, McpStatus
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import SHOWN_STATUSES
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.approval_requests import RequestKind, RequestStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.limits import LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing

Tables = Callable[[str], dict[str, Any]]
Pairs = Iterable[tuple[str, str]]

NAMED = {"user", "group", "MCP", "admin key", "limit", "issuer"}


def stored_list(
    noun: str, id_field: str, table: Tables, pairs: Pairs, now: datetime | None
) -> InMemoryList[Any]:
    """Return how to list the objects of a noun."""
    all_fields: dict[str, Callable[[], dict[str, Field[Any]]]] = {
        "user": lambda: _users(table, pairs),
        "group": lambda: _groups(table, pairs),
        "client key": lambda: _client_keys(table, now),
        "MCP": _mcps,
        "grant": lambda: _grants(table),
        "subscription": lambda: _subscriptions(table),
        "request": lambda: _requests(table, now),
        "kill switch": lambda: _switches(now),
        "limit": _limits,
        "issuer": lambda: {**_own("name", "url", "owner"), **_times("created_at")},
        "admin key": lambda: _admin_keys(table),
        "session": lambda: _sessions(table),
        "password": dict,
        "enrolment": lambda: _enrolments(table),
        "credential": lambda: _credentials(table),
    }
    return InMemoryList(
        noun=noun,
        fields=all_fields[noun](),
        order=_attribute("name" if noun in NAMED else id_field if noun == "password" else "created_at"),
        item_id=lambda item: getattr(item, id_field),
    )


def is_open(item: Any, listing: Listing) -> bool:
    """Tell whether an object of a noun that ends has not ended at the time the listing asks for."""
    now = listing.open_at
    ends = [name for name in ("ended_at", "lifted_at", "redeemed_at") if hasattr(item, name)]
    over = getattr(item, ends[0]) if ends else None
    return now is None or not ends or (over is None and (item.expires_at is None or item.expires_at > now))


def _attribute(name: str, **changes: Any) -> Field[Any]:
    return Field(lambda item: getattr(item, name), **changes)


def _own(*names: str, **changes: Any) -> dict[str, Field[Any]]:
    return {name: _attribute(name, **changes) for name in names}


def _times(*names: str) -> dict[str, Field[Any]]:
    return _own(*names, filters=False)


def _name(table: Tables, noun: str, key: str) -> Field[Any]:
    def read(item: Any) -> str | None:
        owner = getattr(item, key)
        return None if owner is None else str(table(noun)[owner].name)

    return Field(read)


def _users(table: Tables, pairs: Pairs) -> dict[str, Field[Any]]:
    def groups(user: Any) -> tuple[str, ...]:
        return tuple(table("group")[there].name for here, there in pairs if here == user.user_id)

    return {
        **_own("name", "display_name", "email", "owner"),
        **_own("status", values=list(UserStatus)),
        **_own("source", values=list(AuthSource)),
        **_own("issuer", "subject"),
        **_own("meta_tools", values=list(MetaTools)),
        "role": Field(lambda user: user.roles, sorts=False, values=list(Role)),
        "group": Field(groups, sorts=False),
        **_times("created_at"),
    }


def _groups(table: Tables, pairs: Pairs) -> dict[str, Field[Any]]:
    def members(group: Any) -> tuple[str, ...]:
        return tuple(table("user")[here].name for here, there in pairs if there == group.group_id)

    return {
        **_own("name", "owner"),
        **_own("status", values=list(GroupStatus)),
        "member": Field(members, sorts=False),
        **_times("created_at"),
    }


def _client_keys(table: Tables, now: datetime | None) -> dict[str, Field[Any]]:
    def status(key: Any) -> str:
        return str(key.status if now is None else key.shown_status(now))

    return {
        "user": _name(table, "user", "user_id"),
        **_own("name", "prefix", "owner"),
        **_own("meta_tools", values=list(MetaTools)),
        "status": Field(status, values=SHOWN_STATUSES),
        **_times("created_at", "expires_at", "last_used_at"),
    }


def _enrolments(table: Tables) -> dict[str, Field[Any]]:
    return {
        "user": _name(table, "user", "user_id"),
        "name": Field(lambda enrolment: enrolment.key_name),
        **_own("created_by"),
        **_times("created_at", "expires_at"),
    }


def _requests(table: Tables, now: datetime | None) -> dict[str, Field[Any]]:
    def status(request: Any) -> str:
        return str(request.status if now is None else request.status_at(now))

    return {
        "user": _name(table, "user", "user_id"),
        "mcp": _name(table, "MCP", "mcp_id"),
        "status": Field(status, values=list(RequestStatus)),
        **_own("kind", values=list(RequestKind)),
        **_own("capability", "user_id"),
        "approvers_id": _attribute("approvers"),
        **_times("created_at"),
    }


def _mcps() -> dict[str, Field[Any]]:
    return {
        **_own("name", "transport", "owner"),
        **_own("status", values=list(McpStatus)),
        **_own("isolation", values=list(Isolation)),
        **_own("broadcast", values=list(Broadcast)),
        "tag": Field(lambda mcp: mcp.tags, sorts=False),
        **_times("created_at"),
    }


def _grants(table: Tables) -> dict[str, Field[Any]]:
    return {
        "group": _name(table, "group", "group_id"),
        "user": _name(table, "user", "user_id"),
        "mcp": _name(table, "MCP", "mcp_id"),
        **_own("effect", values=list(Effect)),
        **_own("delivery", values=list(Delivery)),
        **_own("owner"),
        **_times("created_at"),
    }


def _subscriptions(table: Tables) -> dict[str, Field[Any]]:
    def user(subscription: Any) -> str:
        return str(table("user")[table("client key")[subscription.key_id].user_id].name)

    return {
        "user": Field(user),
        "key": _name(table, "client key", "key_id"),
        "mcp": _name(table, "MCP", "mcp_id"),
        **_own("key_id"),
        **_times("created_at"),
    }


def _credentials(table: Tables) -> dict[str, Field[Any]]:
    return {
        "user": _name(table, "user", "user_id"),
        "mcp": _name(table, "MCP", "mcp_id"),
        **_own("status", values=list(CredentialStatus)),
        **_own("issuer"),
        **_times("created_at", "updated_at"),
    }


def _switches(now: datetime | None) -> dict[str, Field[Any]]:
    def is_active(switch: Any) -> bool:
        ends = switch.expires_at if now is not None else None
        return not switch.drill and switch.lifted_at is None and (ends is None or ends > now)

    return {
        "active": Field(lambda switch: str(is_active(switch)).lower(), values=("false", "true")),
        "drill": Field(lambda switch: str(switch.drill).lower(), values=("false", "true")),
        **_own("scope", values=list(SwitchScope)),
        **_own("author"),
        "target": Field(lambda switch: switch.target_name),
        **_times("created_at"),
    }


def _limits() -> dict[str, Field[Any]]:
    return {
        **_own("name", "owner"),
        **_own("scope", values=list(LimitScope)),
        **_own("measure", values=list(Measure)),
        "target": Field(lambda limit: limit.target_name),
        **_times("created_at"),
    }


def _admin_keys(table: Tables) -> dict[str, Field[Any]]:
    return {
        **_own("name"),
        "user": _name(table, "user", "user_id"),
        "role": Field(lambda key: key.roles, sorts=False, values=list(Role)),
        **_times("created_at", "expires_at"),
    }


def _sessions(table: Tables) -> dict[str, Field[Any]]:
    return {
        "user": _name(table, "user", "user_id"),
        "key": _name(table, "client key", "key_id"),
        **_own("host_tool", "friendly_name"),
        **_times("created_at", "last_seen_at"),
    }
