"""Reads all objects of the server through the lists of the API."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ambassador_admin.api import client_keys, grants, groups, issuers, limits, mcps, users
from ambassador_admin.api.request import Request
from ambassador_admin.declarative.objects import CurrentObject, GrantKey, ObjectKind
from ambassador_admin.declarative.patterns import canonical_patterns
from ambassador_protocol.admin.issuer_presets import DEFAULTS

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

Item = Mapping[str, Any]

PAGE = 1000

_USER = ("display_name", "email", "status", "source", "meta_tools")
_CLIENT_KEY = ("meta_tools",)
_GROUP = ("description", "status")
_MCP = (
    "transport",
    "options",
    "display_name",
    "description",
    "tags",
    "arguments",
    "call_timeout_seconds",
    "max_in_flight",
    "breaker_failures",
    "grace_seconds",
    "isolation",
    "pin",
    "prefixed",
    "sessions",
    "broadcast",
    "credentials",
    "transforms",
)


def read_state(
    api: "ApiClient", now: datetime, step: Callable[[], None] = lambda: None
) -> list[CurrentObject]:
    """Return all objects that files can declare; `step` is called for every object.

    Of keys these are the valid and the suspended ones, of grants those for groups: a grant for one user was made by the
    approval of a request, and neither belongs to a file nor is in its way.
    """
    lists: list[tuple[Request, Callable[[Item], CurrentObject]]] = [
        (users.list_all(), _user),
        (groups.list_all(), _group),
        (mcps.list_all(), _mcp),
        (limits.list_all(), _limit),
        (issuers.list_all(), _issuer),
        (groups.memberships(), _membership),
    ]
    objects = [convert(item) for request, convert in lists for item in _items(api, request, step)]
    of_groups = (item for item in _items(api, grants.list_all(), step) if item.get("user") is None)
    usable = (item for item in _items(api, client_keys.list_all(user=None), step) if _is_usable(item, now))
    return [*objects, *map(_grant, of_groups), *map(_key, usable)]


def _items(api: "ApiClient", request: Request, step: Callable[[], None]) -> Iterator[Item]:
    for item in api.items(request, size=PAGE):
        step()
        yield item


def _select(item: Item, fields: Iterable[str]) -> dict[str, Any]:
    # The API has null for a text that was never set; files have the empty text. An older server lacks newer fields.
    return {name: "" if item[name] is None else item[name] for name in fields if name in item}


def _user(item: Item) -> CurrentObject:
    return CurrentObject(
        kind=ObjectKind.USER, key=(item["name"],), attributes=_select(item, _USER), owner=item.get("owner")
    )


def _group(item: Item) -> CurrentObject:
    return CurrentObject(
        kind=ObjectKind.GROUP, key=(item["name"],), attributes=_select(item, _GROUP), owner=item.get("owner")
    )


def _mcp(item: Item) -> CurrentObject:
    attributes = _select(item, _MCP) | {"published": item["status"] == "published"}
    return CurrentObject(
        kind=ObjectKind.MCP, key=(item["name"],), attributes=attributes, owner=item.get("owner")
    )


def _limit(item: Item) -> CurrentObject:
    attributes = {name: item[name] for name in ("scope", "target", "measure", "value", "burst")}
    return CurrentObject(
        kind=ObjectKind.LIMIT, key=(item["name"],), attributes=attributes, owner=item.get("owner")
    )


def _issuer(item: Item) -> CurrentObject:
    own = ("url", "group_prefix", *DEFAULTS)
    return CurrentObject(
        kind=ObjectKind.ISSUER,
        key=(item["name"],),
        attributes={name: item[name] for name in own},
        owner=item.get("owner"),
    )


def _membership(item: Item) -> CurrentObject:
    return CurrentObject(
        kind=ObjectKind.MEMBERSHIP, key=(item["group"], item["user"]), attributes={}, owner=item.get("owner")
    )


def _grant(item: Item) -> CurrentObject:
    named = canonical_patterns(item["tools"], item["resources"], item["prompts"], item["mcp"])
    identity = GrantKey(
        group=item["group"],
        mcp=item["mcp"],
        effect=item["effect"],
        delivery=item["delivery"],
        **named._asdict(),
    )
    return CurrentObject(
        kind=ObjectKind.GRANT,
        key=identity.key,
        attributes={name: item.get(name) for name in ("expires_at", "constraints", "approval")},
        owner=item.get("owner"),
        item_id=item["id"],
    )


def _key(item: Item) -> CurrentObject:
    attributes = _select(item, _CLIENT_KEY)
    if item["expires_at"] is not None:
        lifetime = datetime.fromisoformat(item["expires_at"]) - datetime.fromisoformat(item["created_at"])
        attributes["expires_in_seconds"] = max(1, round(lifetime.total_seconds()))
    return CurrentObject(
        kind=ObjectKind.KEY,
        key=(item["user"], item["name"]),
        attributes=attributes,
        owner=item.get("owner"),
        item_id=item["id"],
    )


def _is_usable(item: Item, now: datetime) -> bool:
    # A suspended key counts: applying a file must not replace a key that an operator has suspended.
    expires_at = item["expires_at"]
    return item["status"] != "revoked" and (expires_at is None or datetime.fromisoformat(expires_at) > now)
