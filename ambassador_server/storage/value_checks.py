"""Checks values before they are stored, so that every database accepts and refuses the same ones."""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import InvalidInputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_KEY = 512
"""The maximum number of characters of an id or a name that fits into an index entry of every database."""

_KEYS_PER_STATEMENT = 500

_MAX_INTEGER = 2**63 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_item(item: "DataclassInstance") -> None:
    """Raise InvalidInputError if some database could not store the object unchanged."""
    for field in fields(item):
        value = getattr(item, field.name)
        check_value(value, field.name)
        if isinstance(value, str) and (field.name == "name" or field.name.endswith("_id")):
            check_key(value, field.name)


def check_key(value: str, what: str) -> None:
    """Raise InvalidInputError if the text cannot be an id or a name; `what` names the value in the message."""
    check_value(value, what)
    if len(value) > MAX_KEY:
        raise InvalidInputError(f"{what} is longer than {MAX_KEY} characters.")


def portions_of_keys(keys: Collection[str]) -> Iterator[Sequence[str]]:
    """Return ids in order, as many at a time as fit into one statement of every database; raises as `check_key`."""
    ordered = sorted(keys)
    for each in ordered:
        check_key(each, "The id")
    for start in range(0, len(ordered), _KEYS_PER_STATEMENT):
        yield ordered[start : start + _KEYS_PER_STATEMENT]


def check_value(value: object, what: str) -> None:
    """Raise InvalidInputError if the value has a part that some database driver refuses."""
    match value:
        case None | bool() | bytes():
            pass
        case str():
            _check_text(value, what)
        case int():
            _check(-_MAX_INTEGER <= value <= _MAX_INTEGER, f"{what} is not a 64-bit integer.")
        case float():
            _check(math.isfinite(value), f"{what} is not a finite number.")
        case datetime():
            _check(_is_an_instant(value), f"{what} is not a time with a zone between the years 1 and 9999.")
        case tuple():
            for part in value:
                check_value(part, what)
        case Mapping():
            encode_json(value, what)
        case _:
            _check_object(value, what)


def _check_object(value: object, what: str) -> None:
    if not is_dataclass(value):
        raise InvalidInputError(f"{what} has a type that cannot be stored.")
    for field in fields(value):
        check_value(getattr(value, field.name), f"{what}.{field.name}")


def encode_json(value: object, what: str) -> str:
    """Return the value as JSON in ASCII, which every driver transports unchanged."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_as_dict)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(f"{what} cannot be written as JSON.") from None


def check_listing(listing: Listing) -> None:
    """Raise InvalidInputError for a listing with a value that cannot be stored."""
    for condition in listing.conditions:
        check_key(condition.value, condition.field)
    check_value(listing.open_at, "open_at")
    if listing.after is not None:
        check_value(listing.after.sort, "cursor")
        check_key(listing.after.item_id, "cursor")


def _check(is_storable: bool, message: str) -> None:
    if not is_storable:
        raise InvalidInputError(message)


def _check_text(value: str, what: str) -> None:
    _check(_UNSTORABLE.search(value) is None, f"{what} has a NUL character or half a surrogate pair in it.")


def _is_an_instant(value: datetime) -> bool:
    if value.tzinfo is None:
        return False
    try:
        value.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError
