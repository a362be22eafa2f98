"""Reads filters: by which indexed values few resources are found, and which members they name."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    CompareOperator,
    Comparison,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from ambassador_server.domain.people.scim_resources import ScimKind
from ambassador_server.web.admin.scim.members import compared_value

_INDEXED: Final = {
    (ScimKind.USER, "username"): "name_key",
    (ScimKind.GROUP, "displayname"): "name_key",
    (ScimKind.USER, "externalid"): "external_id",
    (ScimKind.GROUP, "externalid"): "external_id",
    (ScimKind.USER, "id"): "resource_id",
    (ScimKind.GROUP, "id"): "resource_id",
}
"""The attributes by which a resource is found without reading all of them, and the fields that hold them."""


def indexed_values(kind: ScimKind, wanted: ScimFilter[Any]) -> Mapping[str, str]:
    """Return the fields that every match has, with their values; none if the filter names none."""
    node = wanted.ast
    is_and = isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_
    terms = node.terms if isinstance(node, LogicalExpr) and is_and else (node,)
    found: dict[str, str] = {}
    for term in terms:
        if not isinstance(term, Comparison) or term.op is not CompareOperator.eq:
            continue
        field = _INDEXED.get((kind, _attribute(term.attr_path)))
        if field is not None and isinstance(term.value, str):
            value = term.value.casefold() if field == "name_key" else term.value
            # A second value of a field is left to the filter, which then matches nothing.
            found.setdefault(field, value)
    return found


def named_members(wanted: ScimFilter[Any]) -> frozenset[str]:
    """Return the ids of the members that a filter of groups names.

    Raises InvalidFilterException for any other question about members, because its answer depends on all of them.
    """
    return frozenset(_members(wanted.ast))


def _members(node: Any) -> Iterator[str]:
    match node:
        case LogicalExpr():
            for term in node.terms:
                yield from _members(term)
        case Not():
            yield from _members(node.expr)
        case ValuePath() if _attribute(node.attr_path) == "members":
            chosen = compared_value(node.val_filter)
            if chosen is None:
                raise _not_by_value()
            yield chosen
        case Comparison() | Present() if _attribute(node.attr_path).partition(".")[0] == "members":
            is_value = _attribute(node.attr_path) in {"members", "members.value"}
            if not is_value or not isinstance(node, Comparison) or node.op is not CompareOperator.eq:
                raise _not_by_value()
            yield str(node.value)


def _not_by_value() -> InvalidFilterException:
    return InvalidFilterException(detail='members: only a value is compared, as in members.value eq "ID"')


def _attribute(path: Any) -> str:
    """Return the name of an attribute without its schema."""
    return (path.attr if path.sub_attr is None else f"{path.attr}.{path.sub_attr}").casefold()
