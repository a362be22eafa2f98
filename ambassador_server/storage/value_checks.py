"""What may be stored: the same answer for every database, given before any of them sees the value."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import InvalidInputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_KEY = 512
"""Characters of an id or a natural name; longer ones do not fit into an index entry of every database."""

_MAX_INTEGER = 2**63 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_item(item: "DataclassInstance") -> None:
    """Raise InvalidInputError if some database could not keep the object as it is."""
    for field in fields(item):
        value = getattr(item, field.name)
        check_value(value, field.name)
        if isinstance(value, str) and (field.name == "name" or field.name.endswith("_id")):
            check_key(value, field.name)


def check_key(value: str, what: str) -> None:
    """Raise InvalidInputError if the text cannot be an id or a natural name."""
    check_value(value, what)
    if len(value) > MAX_KEY:
        raise InvalidInputError(f"{what} is longer than {MAX_KEY} characters.")


def check_value(value: object, what: str) -> None:
    """Raise InvalidInputError if the value has a part that some driver refuses."""
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
            raise InvalidInputError(f"{what} has a type that cannot be stored.")


def encode_json(value: object, what: str) -> str:
    """Return the value as JSON in ASCII, which carries any text through any driver."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_as_dict)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(f"{what} cannot be written as JSON.") from None


def check_listing(listing: Listing) -> None:
    """Raise InvalidInputError for a listing with a value that no stored one can equal."""
    for condition in listing.conditions:
        check_key(condition.value, condition.field)
    check_value(listing.open_at, "open_at")
    if listing.after is not None:
        check_value(listing.after.sort, "cursor")
        check_key(listing.after.item_id, "cursor")


def _check(fine: bool, complaint: str) -> None:
    if not fine:
        raise InvalidInputError(complaint)


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
    raise TypeError
