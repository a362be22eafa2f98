"""What is on the server now, read through its lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ambassador_admin.api import grants, groups, keys, mcps, users
from ambassador_admin.api.request import Request
from ambassador_admin.declarative.objects import Found, GrantKey, Kind, canonical_tools

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

Item = Mapping[str, Any]

PAGE = 1000

_USER = ("display_name", "email", "status", "source")
_GROUP = ("description", "status")
_MCP = (
    "transport",
    "options",
    "display_name",
    "description",
    "tags",
    "arguments",
    "call_timeout_seconds",
    "isolation",
)


def read_state(api: "ApiClient", now: datetime, step: Callable[[], None] = lambda: None) -> list[Found]:
    """Read everything; `step` is called for every object."""
    lists: list[tuple[Request, Callable[[Item], Found]]] = [
        (users.every(), _user),
        (groups.every(), _group),
        (mcps.every(), _mcp),
        (groups.memberships(), _membership),
        (grants.every(), _grant),
    ]
    found = [of(item) for request, of in lists for item in _items(api, request, step)]
    good = (item for item in _items(api, keys.every(user=None), step) if _is_good(item, now))
    return [*found, *map(_key, good)]


def _items(api: "ApiClient", request: Request, step: Callable[[], None]) -> Iterator[Item]:
    for item in api.items(request, size=PAGE):
        step()
        yield item


def _picked(item: Item, fields: Iterable[str]) -> dict[str, Any]:
    # The API says null where a text was never given; to a file that is the empty text.
    return {name: "" if item[name] is None else item[name] for name in fields}


def _user(item: Item) -> Found:
    return Found(kind=Kind.USER, key=(item["name"],), facts=_picked(item, _USER), owner=item.get("owner"))


def _group(item: Item) -> Found:
    return Found(kind=Kind.GROUP, key=(item["name"],), facts=_picked(item, _GROUP), owner=item.get("owner"))


def _mcp(item: Item) -> Found:
    facts = _picked(item, _MCP) | {"published": item["status"] == "published"}
    return Found(kind=Kind.MCP, key=(item["name"],), facts=facts, owner=item.get("owner"))


def _membership(item: Item) -> Found:
    return Found(kind=Kind.MEMBERSHIP, key=(item["group"], item["user"]), facts={}, owner=item.get("owner"))


def _grant(item: Item) -> Found:
    said = GrantKey(
        group=item["group"],
        mcp=item["mcp"],
        effect=item["effect"],
        delivery=item["delivery"],
        tools=canonical_tools(item["tools"], item["mcp"]),
    )
    return Found(
        kind=Kind.GRANT,
        key=said.key,
        facts={"expires_at": item["expires_at"]},
        owner=item.get("owner"),
        item_id=item["id"],
    )


def _key(item: Item) -> Found:
    facts: dict[str, Any] = {}
    if item["expires_at"] is not None:
        lasts = datetime.fromisoformat(item["expires_at"]) - datetime.fromisoformat(item["created_at"])
        facts["expires_in_seconds"] = max(1, round(lasts.total_seconds()))
    return Found(
        kind=Kind.KEY,
        key=(item["user"], item["name"]),
        facts=facts,
        owner=item.get("owner"),
        item_id=item["id"],
    )


def _is_good(item: Item, now: datetime) -> bool:
    # A suspended key is still the one the file means: somebody stopped it, and no file shall undo that.
    expires_at = item["expires_at"]
    return item["status"] != "revoked" and (expires_at is None or datetime.fromisoformat(expires_at) > now)
