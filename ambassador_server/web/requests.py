"""Reads query parameters and values of bodies, for several routes in the same way."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.admin.subscriptions import SubscriptionPut
from ambassador_protocol.me import OwnSubscriptionPut
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.policy.grants import CapabilityPatterns
from ambassador_server.domain.policy.pattern_spelling import EVERYTHING
from ambassador_server.domain.shared.revision import ExpectedRevisions
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.app_keys import ADMINISTRATOR, ORIGIN

E = TypeVar("E", bound=StrEnum)

DEFAULT_PAGE = 100
MAX_PAGE = 1000
DRY_RUN = "dry_run"
_MAX_SECONDS = 10 * 366 * 86400


def requester(request: web.Request) -> Requester:
    """Return the administrator and the origin of a request, and whether it is a dry run."""
    dry_run = flag(request, DRY_RUN, default=False)
    return Requester(request[ADMINISTRATOR], request[ORIGIN], dry_run=dry_run)


def expected(request: web.Request) -> ExpectedRevisions:
    """Return the revisions in `If-Match`, without weak ones, which never match; None without that header."""
    tags = request.if_match
    return None if tags is None else frozenset(tag.value for tag in tags if not tag.is_weak)


def choice(kind: type[E], value: str, name: str) -> E:
    """Return the member of an enumeration, or raise an InvalidInputError that names all members."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise InvalidInputError(f"{name}: must be one of {known}") from None


def optional_choice(kind: type[E], value: str | None, name: str) -> E | None:
    """Return the member of an enumeration; None stays None."""
    return None if value is None else choice(kind, value, name)


def choices(kind: type[E], values: Iterable[str], name: str) -> list[E]:
    """Return the members of an enumeration, in the given order."""
    return [choice(kind, value, name) for value in values]


def patterns_of(body: NewGrant | SubscriptionPut | OwnSubscriptionPut) -> CapabilityPatterns:
    """Return what a body names; without any patterns it is everything."""
    is_silent = body.resources is None and body.prompts is None
    return CapabilityPatterns(
        tools=tuple(body.tools if body.tools is not None else (EVERYTHING,) if is_silent else ()),
        resources=None if body.resources is None else tuple(body.resources),
        prompts=None if body.prompts is None else tuple(body.prompts),
    )


def duration(seconds: int | None, name: str = "expires_in_seconds") -> timedelta | None:
    """Return a checked duration; None, which means unlimited, stays None."""
    if seconds is None:
        return None
    if not 0 < seconds <= _MAX_SECONDS:
        raise InvalidInputError(f"{name}: must lie between 1 and {_MAX_SECONDS}")
    return timedelta(seconds=seconds)


def number(request: web.Request, name: str, default: int) -> int:
    """Return a query parameter that is a non-negative integer."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInputError(f"{name}: must be a whole number")
    return int(text)


def flag(request: web.Request, name: str, *, default: bool) -> bool:
    """Return a query parameter that is `true` or `false`."""
    text = request.query.get(name)
    if text not in {None, "true", "false"}:
        raise InvalidInputError(f"{name}: must be true or false")
    return default if text is None else text == "true"


def moment(request: web.Request, name: str) -> datetime | None:
    """Return a query parameter that is a time; a time without a zone is UTC."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{name}: must be an ISO-8601 time") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def page_limit(request: web.Request) -> int:
    """Return the number of items of a page."""
    return max(1, min(number(request, "limit", DEFAULT_PAGE), MAX_PAGE))


def check_parameters(request: web.Request, known: Collection[str]) -> None:
    """Raise InvalidInputError for an unknown query parameter: ignoring a misspelt filter would list too much."""
    unknown = sorted(set(request.query) - set(known))
    if unknown:
        hint = f"known are {', '.join(sorted(known))}" if known else "this request has no parameters"
        raise InvalidInputError(f"{unknown[0][:60]!r}: unknown parameter; {hint}")
