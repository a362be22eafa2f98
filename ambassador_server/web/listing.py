"""Reads the query of a list and renders its page: `filter`, `sort`, `limit` and `cursor`.

A cursor contains a digest of path, filter and sort, and is valid only with the same ones.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_server.domain.shared.listing import Condition, Listing, Position, Slice
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.requests import page_limit

T = TypeVar("T")

_PAGING = frozenset({"limit", "cursor"})


def listing(request: web.Request, *, order: str | None = None, also: tuple[Condition, ...] = ()) -> Listing:
    """Return the requested part of the list. Raises InvalidInputError.

    `order` is the default sort order, `also` are conditions in addition to those of the query.
    """
    sort, cursor = request.query.get("sort", order), request.query.get("cursor")
    return Listing(
        conditions=(*map(Condition.parse, request.query.getall("filter", ())), *also),
        sort=None if sort is None else sort.removeprefix("-"),
        descending=sort is not None and sort.startswith("-"),
        limit=page_limit(request),
        after=None if cursor is None else _position(request, cursor),
    )


def page(request: web.Request, found: Slice[T], view: Callable[[T], Any]) -> Page[Any]:
    """Render one page of a list."""
    following = None if found.following is None else _cursor(request, found.following)
    return Page(items=[view(item) for item in found.items], next_cursor=following, total=found.total)


def _cursor(request: web.Request, position: Position) -> str:
    text = json.dumps([_query_digest(request), position.sort, position.item_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(request: web.Request, cursor: str) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        read = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        read = None
    match read:
        case [str(digest), str() | None as sort, str(item_id)]:
            if digest != _query_digest(request):
                raise InvalidInputError(
                    "cursor: it belongs to a list with another path, filter or sort; repeat without it"
                )
            return Position(sort, item_id)
        case _:
            raise InvalidInputError("cursor: no list has returned this one; repeat without it")


def _query_digest(request: web.Request) -> str:
    query = sorted((name, value) for name, value in request.query.items() if name not in _PAGING)
    text = json.dumps([request.path, query])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
