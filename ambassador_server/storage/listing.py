"""Reads one page of a list, and the total count."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_

from ambassador_server.domain.shared.listing import Listing, Position, Slice, sort_text
from ambassador_server.errors import InvalidInputError
from ambassador_server.storage.list_fields import Field, Flag, StatusUntilExpiry, where
from ambassador_server.storage.object_mappings import ObjectMapping
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.types import UtcDateTime
from ambassador_server.storage.value_checks import check_listing, check_value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


async def read_page(transaction: Transaction, mapping: ObjectMapping[T], listing: Listing) -> Slice[T]:
    """Return one page of the objects and the total, both from the transaction's snapshot."""
    check_listing(listing)
    mapping.vocabulary.check(listing)
    conditions = [
        where(_field(mapping, condition.field, listing), condition, transaction.dialect)
        for condition in listing.conditions
    ]
    if listing.open_at is not None:
        conditions.append(mapping.open_at(listing.open_at))
    rows = await transaction.rows(_page(mapping, listing, conditions))
    counted = await transaction.rows(select(func.count()).select_from(mapping.table).where(*conditions))
    items = tuple(mapping.from_row(row[:-1]) for row in rows[: listing.limit])
    following = None
    if len(rows) > listing.limit:
        last = items[-1]
        sort = sort_text(rows[listing.limit - 1][-1])
        following = Position(sort, getattr(last, mapping.id_column.name))
    return Slice(items=items, following=following, total=counted[0][0])


def _page(
    mapping: ObjectMapping[Any], listing: Listing, conditions: list[ColumnElement[bool]]
) -> Select[Any]:
    key, (sort, nullable) = mapping.id_column, _sort(mapping, listing)
    by = (sort.desc(), key.desc()) if listing.descending else (sort.asc(), key.asc())
    if nullable:  # only then, because no index serves an order with NULLS FIRST or LAST
        by = (by[0].nulls_last() if listing.descending else by[0].nulls_first(), by[1])
    statement = select(mapping.table, sort.label("sorted_by")).where(*conditions)
    if listing.after is not None:
        statement = statement.where(_after(listing.after, sort, key, listing.descending, nullable))
    return statement.order_by(*by).limit(listing.limit + 1)


def _field(mapping: ObjectMapping[Any], name: str, listing: Listing) -> Field:
    field = mapping.fields[name]
    return field.at(listing.now) if isinstance(field, StatusUntilExpiry | Flag) else field


def _sort(mapping: ObjectMapping[Any], listing: Listing) -> tuple[ColumnElement[Any], bool]:
    field = None if listing.sort is None else _field(mapping, listing.sort, listing)
    if field is None or field.sort is None:
        return mapping.order[0], False
    return field.sort, field.nullable


def _after(
    after: Position, sort: ColumnElement[Any], key: ColumnElement[str], descending: bool, nullable: bool
) -> ColumnElement[bool]:
    if after.sort is None:
        same_sort = and_(sort.is_(None), key < after.item_id if descending else key > after.item_id)
        return same_sort if descending else or_(sort.is_not(None), same_sort)
    last = tuple_(literal(_value(after.sort, sort), sort.type), literal(after.item_id, key.type))
    row = tuple_(sort, key)
    if not descending:
        return row > last
    return or_(sort.is_(None), row < last) if nullable else row < last


def _value(text: str, sort: ColumnElement[Any]) -> str | datetime:
    if not isinstance(sort.type, UtcDateTime):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("cursor: this is not a position in a list that is sorted by time") from None
    check_value(at, "cursor")
    return at
