"""Translates an audit query into SQL that the indexes can answer.

A page is in the order of the cursor, and every index has an attribute first and the cursor second. So an `or` becomes
branches, each answered by its own index and then merged, and a glob becomes the list of matching names if these are
few. Values are bound parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import msgspec
from sqlalchemy import Column, ColumnElement, and_, false, func, not_, or_, select, true

from ambassador_server.domain.audit.query import (
    About,
    And,
    Attribute,
    Comparison,
    Is,
    Like,
    Member,
    Mentions,
    Not,
    OneOf,
    Or,
    Query,
    Since,
    Until,
    comparisons,
)
from ambassador_server.domain.shared.globs import glob_matches
from ambassador_server.storage.audit_tables import audit_events
from ambassador_server.storage.dialects import Dialect
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_key, check_value, encode_json

MAX_BRANCHES = 128
"""The maximum number of branches; a query that would have more becomes one condition."""

MAX_SORTED = 100_000
"""Up to this many events of a time span are sorted by cursor; for more, the cursor's own index is scanned."""

MAX_NAMES = 2_000
"""The maximum number of names that are compared with a glob."""

_BY_RARITY = (
    Attribute.REQUEST_ID,
    Attribute.SESSION_ID,
    Attribute.RESOURCE_NAME,
    Attribute.ACTOR_NAME,
    Attribute.SOURCE,
    Attribute.REASON,
    Attribute.ACTION,
    Attribute.OUTCOME,
    Attribute.RESOURCE_KIND,
    Attribute.ACTOR_KIND,
    Attribute.RESOURCE_ID,  # without an index
)
"""The attributes, from the one whose single values occur in the fewest events to the one with the most."""

_RARE = frozenset(_BY_RARITY[:6])
"""The attributes of which a single value occurs in few events."""

_LAST = "\U0010ffff"

_Branch = tuple[tuple[Comparison, bool], ...]


def check_query(query: Query) -> None:
    """Raise InvalidInputError for a query with a value that cannot be stored."""
    for term in comparisons(query):
        match term:
            case Is(attribute, value) | Like(attribute, value):
                check_key(value, attribute)
            case OneOf(name, values) | Mentions(name, values):
                for value in values:
                    check_key(value, name)
            case About(user):
                check_key(user, "subject")
            case Since(at) | Until(at):
                check_value(at, "The time")


def condition(query: Query, dialect: Dialect, *, holds: bool = True) -> ColumnElement[bool]:
    """Return the query, or with `holds` false its negation, as one condition."""
    match query:
        case Not(part):
            return condition(part, dialect, holds=not holds)
        case And(parts) | Or(parts):
            conditions = [condition(part, dialect, holds=holds) for part in parts]
            every = isinstance(query, And) is holds
            return and_(true(), *conditions) if every else or_(false(), *conditions)
        case _:
            return _term(query, _column, dialect, holds=holds)


@dataclass(frozen=True, slots=True)
class BranchCondition:
    """The condition of a branch, and whether it is answered faster by the index of the time than by the cursor's."""

    condition: ColumnElement[bool]
    by_time: bool = False


async def branches(query: Query, transaction: Transaction) -> list[BranchCondition]:
    """Return conditions; the query matches the events that meet at least one of them."""
    dialect = transaction.dialect
    found = _disjunctive_form(await _expand_globs(query, transaction), holds=True)
    if found is None:
        return [BranchCondition(condition(query, dialect))]
    unique = dict.fromkeys(tuple(dict.fromkeys(branch)) for branch in found)
    return [await _branch_condition(branch, transaction) for branch in unique]


async def _branch_condition(branch: _Branch, transaction: Transaction) -> BranchCondition:
    """Return a condition for the index of the rarest attribute, else for that of the cursor or the time."""
    dialect = transaction.dialect
    equal = [term.attribute for term, holds in branch if holds and isinstance(term, Is)]
    ranges = [
        term.attribute
        for term, holds in branch
        if holds and isinstance(term, Like) and not term.glob.startswith("*")
    ]
    chosen = min(equal or ranges, key=_BY_RARITY.index, default=None)

    def column(attribute: Attribute) -> ColumnElement[str]:
        return _column(attribute) if attribute is chosen else dialect.without_index(_column(attribute))

    conditions = [_term(term, column, dialect, holds=holds) for term, holds in branch]
    if chosen is not None:
        return BranchCondition(and_(true(), *conditions))
    times = [
        _term(term, column, dialect, holds=holds) for term, holds in branch if isinstance(term, Since | Until)
    ]
    by_time = bool(times) and await _has_few_matches(times, transaction)
    return BranchCondition(and_(true(), *conditions), by_time=by_time)


async def _has_few_matches(conditions: list[ColumnElement[bool]], transaction: Transaction) -> bool:
    few = select(audit_events.c.at).where(*conditions).limit(MAX_SORTED + 1).subquery()
    rows = await transaction.rows(select(func.count()).select_from(few))
    return int(rows[0][0]) <= MAX_SORTED


def _column(attribute: Attribute) -> ColumnElement[str]:
    return audit_events.c[attribute]


def _term(
    term: Comparison, column_of: Callable[[Attribute], ColumnElement[str]], dialect: Dialect, *, holds: bool
) -> ColumnElement[bool]:
    match term:
        case Is(attribute, value):
            column = column_of(attribute)
            return column == value if holds else column.is_distinct_from(value)
        case Like(attribute, glob):
            column = column_of(attribute)
            found = dialect.glob(column, glob)
            return and_(*_range(column, glob), found) if holds else or_(column.is_(None), not_(found))
        case OneOf(attribute, values):
            column = column_of(attribute)
            return column.in_(values) if holds else or_(column.is_(None), column.not_in(values))
        case Mentions(member, values):
            found = _mentions(member, values, dialect)
            return found if holds else not_(found)
        case About(user):
            raise LookupError(f"which events are about {user!r} was not looked up")
        case Since(at):
            return audit_events.c.at >= at if holds else audit_events.c.at < at
        case Until(at):
            return audit_events.c.at < at if holds else audit_events.c.at >= at


def _mentions(member: Member, values: Sequence[str], dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that the document has a member with one of these values.

    Quotes inside of names and texts are escaped, so this finds members only.
    """
    texts = [f"{beginning}{text}" for text in _written(member, values) for beginning in "{,"]
    return or_(false(), *(dialect.contains(audit_events.c.document, text) for text in texts))


def _written(member: Member, values: Sequence[str]) -> list[str]:
    """Return the member as documents have it: most are written by msgspec, those that it refuses in ASCII."""
    pairs = [{member.value: value} for value in values]
    written = [msgspec.json.encode(pair).decode() for pair in pairs]
    written += [encode_json(pair, member) for pair in pairs]
    return [text[1:-1] for text in dict.fromkeys(written)]


def _disjunctive_form(query: Query, *, holds: bool) -> Sequence[_Branch] | None:
    """Return the disjunctive normal form, None if it has too many branches."""
    match query:
        case Not(part):
            return _disjunctive_form(part, holds=not holds)
        case And(parts) | Or(parts):
            each = [_disjunctive_form(part, holds=holds) for part in parts]
            known = [one for one in each if one is not None]
            if len(known) < len(each):
                return None
            return _all_of(known) if isinstance(query, And) is holds else _any_of(known)
        case _:
            return [((query, holds),)]


def _all_of(parts: Sequence[Sequence[_Branch]]) -> Sequence[_Branch] | None:
    found: Sequence[_Branch] = [()]
    for part in parts:
        if len(found) * len(part) > MAX_BRANCHES:
            return None
        found = [left + right for left, right in product(found, part)]
    return found


def _any_of(parts: Sequence[Sequence[_Branch]]) -> Sequence[_Branch] | None:
    found = [branch for part in parts for branch in part]
    return None if len(found) > MAX_BRANCHES else found


async def _expand_globs(query: Query, transaction: Transaction, *, is_narrow: bool = False) -> Query:
    """Return the query with each glob replaced by the names that match it, if these are few.

    A glob stays if the query also has a condition on a rare attribute, which leaves few events to compare.
    """
    match query:
        case Not(part):
            return Not(await _expand_globs(part, transaction))
        case And(parts):
            narrow = is_narrow or any(isinstance(part, Is) and part.attribute in _RARE for part in parts)
            return And(tuple([await _expand_globs(part, transaction, is_narrow=narrow) for part in parts]))
        case Or(parts):
            return Or(tuple([await _expand_globs(part, transaction, is_narrow=is_narrow) for part in parts]))
        case Like(attribute, glob) if not is_narrow:
            names = await _names(audit_events.c[attribute], glob, transaction)
            if names is None or len(names) > MAX_BRANCHES:
                return query
            return Or(tuple(Is(attribute, name) for name in names))
        case _:
            return query


async def _names(column: Column[str], glob: str, transaction: Transaction) -> list[str] | None:
    """Return the matching values by skipping from each to the next in the index; None if there are too many."""
    first = select(func.min(column).label("name")).where(column.is_not(None), *_range(column, glob))
    walk = first.cte("names", recursive=True)
    following = select(func.min(column)).where(column > walk.c.name, *_range(column, glob)).scalar_subquery()
    walk = walk.union_all(select(following).where(walk.c.name.is_not(None)))
    rows = await transaction.rows(select(walk.c.name).limit(MAX_NAMES + 1))
    if len(rows) > MAX_NAMES:
        return None
    return [str(row.name) for row in rows if row.name is not None and glob_matches(glob, str(row.name))]


def _range(column: ColumnElement[str], glob: str) -> list[ColumnElement[bool]]:
    """Return the bounds that the literal prefix of a glob sets."""
    prefix = glob.partition("*")[0]
    if not prefix:
        return []
    end = _end_of_prefix(prefix)
    return [column >= prefix] if end is None else [column >= prefix, column < end]


def _end_of_prefix(prefix: str) -> str | None:
    """Return the first text by code points that sorts after all texts with this prefix; None if there is none."""
    prefix = prefix.rstrip(_LAST)
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    # A stored text never holds half a surrogate pair.
    return prefix[:-1] + chr(0xE000 if following == 0xD800 else following)
