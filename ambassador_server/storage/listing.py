"""One page of an aggregate, and the count of all of it, as SQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_

from ambassador_server.domain.shared.listing import Listing, Position, Slice, sort_text
from ambassador_server.errors import InvalidInputError
from ambassador_server.storage.list_fields import where
from ambassador_server.storage.object_mappings import Aggregate
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.types import UtcDateTime
from ambassador_server.storage.value_checks import check_listing, check_value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


async def read_page(transaction: Transaction, aggregate: Aggregate[T], listing: Listing) -> Slice[T]:
    """Return one page; the page and the total are of the moment this transaction sees."""
    check_listing(listing)
    aggregate.vocabulary.check(listing)
    conditions = [
        where(aggregate.fields[condition.field], condition, transaction.dialect)
        for condition in listing.conditions
    ]
    if listing.open_at is not None:
        conditions.append(aggregate.open_at(listing.open_at))
    rows = await transaction.rows(_page(aggregate, listing, conditions))
    counted = await transaction.rows(select(func.count()).select_from(aggregate.table).where(*conditions))
    items = tuple(aggregate.from_row(row[:-1]) for row in rows[: listing.limit])
    following = None
    if len(rows) > listing.limit:
        last = items[-1]
        sort = sort_text(rows[listing.limit - 1][-1])
        following = Position(sort, getattr(last, aggregate.id_column.name))
    return Slice(items=items, following=following, total=counted[0][0])


def _page(aggregate: Aggregate[Any], listing: Listing, conditions: list[ColumnElement[bool]]) -> Select[Any]:
    key, (sort, nullable) = aggregate.id_column, _sort(aggregate, listing)
    by = (sort.desc(), key.desc()) if listing.descending else (sort.asc(), key.asc())
    if nullable:  # said only where it matters: no index has the order that it asks for
        by = (by[0].nulls_last() if listing.descending else by[0].nulls_first(), by[1])
    statement = select(aggregate.table, sort.label("sorted_by")).where(*conditions)
    if listing.after is not None:
        statement = statement.where(_behind(listing.after, sort, key, listing.descending, nullable))
    return statement.order_by(*by).limit(listing.limit + 1)


def _sort(aggregate: Aggregate[Any], listing: Listing) -> tuple[ColumnElement[Any], bool]:
    field = None if listing.sort is None else aggregate.fields[listing.sort]
    if field is None or field.sort is None:
        return aggregate.order[0], False
    return field.sort, field.nullable


def _behind(
    after: Position, sort: ColumnElement[Any], key: ColumnElement[str], descending: bool, nullable: bool
) -> ColumnElement[bool]:
    if after.sort is None:
        beside = and_(sort.is_(None), key < after.item_id if descending else key > after.item_id)
        return beside if descending else or_(sort.is_not(None), beside)
    here = tuple_(literal(_value(after.sort, sort), sort.type), literal(after.item_id, key.type))
    place = tuple_(sort, key)
    if not descending:
        return place > here
    return or_(sort.is_(None), place < here) if nullable else place < here


def _value(text: str, sort: ColumnElement[Any]) -> str | datetime:
    if not isinstance(sort.type, UtcDateTime):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("cursor: this is no place in a list that is sorted by time") from None
    check_value(at, "cursor")
    return at
