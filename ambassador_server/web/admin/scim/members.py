"""The members of groups, which do not pass through the SCIM library: it would take a second for ten thousand.

They are taken out of the bodies of requests as changes, and are put into the bodies of answers, where the library has
seen one member in place of all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from scim2_models import InvalidPathException, InvalidValueException, Path
from scim2_models.path import AttrPath, CompareOperator, Comparison, LogicalExpr, LogicalOperator, ValuePath

from ambassador_server.services.administration.described_members import MemberChanges, all_members
from ambassador_server.web.admin.scim.bounds import operations_of
from ambassador_server.web.admin.scim.documents import GroupResource
from ambassador_server.web.admin.scim.habits import ENTRA_GROUP, decoded

_MEMBERS: Final = "members"
_WHOLE: Final = frozenset({"", GroupResource.__schema__.casefold()})
"""The paths of the group itself."""
_SCHEMA: Final = f"{GroupResource.__schema__}:".casefold()
_KNOWN: Final = frozenset({"value", "$ref", "type", "display"})
_NOTHING: Final = {"op": "add", "value": {}}
"""An operation that changes nothing; it takes the place of one that the library need not see."""


def members_of_resource(body: bytes) -> tuple[MemberChanges, bytes]:
    """Return the members that a group is to have by the body of a POST or a PUT, and the body without them."""
    document = decoded(body)
    given = _taken(document)
    _refuse_members_in(document)
    schemas = document.get("schemas")
    if isinstance(schemas, list):
        document["schemas"] = [each for each in schemas if each != ENTRA_GROUP]
    return all_members([] if given is None else _all_ids(*given)), msgspec.json.encode(document)


def members_of_patch(body: bytes) -> tuple[MemberChanges, bytes]:
    """Return how a PATCH changes the members of a group, and the body with the other operations."""
    document = decoded(body)
    name, operations = operations_of(document)
    if not operations:
        return MemberChanges(), body
    named: dict[str, bool] = {}
    others_leave = False
    others: list[Any] = []
    for operation in operations:
        changes, rest = _read(operation) if isinstance(operation, dict) else (None, operation)
        _refuse_members_in(rest)
        others.append(rest)
        if changes is not None:
            if changes.others_leave:
                named, others_leave = {}, True
            named |= changes.named
    return MemberChanges(named, others_leave), msgspec.json.encode({**document, name: others})


def _read(operation: dict[str, Any]) -> tuple[MemberChanges | None, dict[str, Any]]:
    """Return what an operation does to the members, None if nothing, and what else it does."""
    parts = {key.casefold(): value for key, value in operation.items()}
    if len(parts) < len(operation):
        raise InvalidValueException(detail="An operation has a member twice")
    how, path, value = str(parts.get("op")).lower(), parts.get("path"), parts.get("value")
    if how not in {"add", "replace", "remove"} or (how != "remove" and "value" not in parts):
        return None, operation
    if path is None or (isinstance(path, str) and path.casefold() in _WHOLE):
        rest = {name: each for name, each in parts.items() if name != "path"}
        given = None if how == "remove" or not isinstance(value, dict) else _taken(value)
        return (None if given is None else _written(how, *given)), rest
    selected = _selected(path)
    if selected is None:
        return None, operation
    if how == "remove":
        return _removed(selected, value), _NOTHING
    if selected:
        raise InvalidPathException(detail="members: one who is chosen by a filter is removed, not changed")
    return _written(how, value), _NOTHING


def _written(how: str, value: Any) -> MemberChanges:
    if how == "add":
        if value is None:
            raise InvalidValueException(detail="members: an operation that adds has a value")
        return MemberChanges(dict.fromkeys(_ids(value), True))
    return all_members(_all_ids(value))


def _all_ids(value: Any) -> list[str]:
    return [] if value is None else [*_ids(value)]


def _removed(selected: Sequence[str], value: Any) -> MemberChanges:
    # Entra lists the members in the value, which the standard does not know. An empty list is nobody, not everybody.
    if value is not None:
        if selected:
            raise InvalidValueException(detail="members: a filter or a list chooses who is removed, not both")
        return MemberChanges(dict.fromkeys(_ids(value), False))
    return MemberChanges(dict.fromkeys(selected, False)) if selected else all_members(())


def _ids(members: Any) -> Iterator[str]:
    if not isinstance(members, list | dict):
        raise InvalidValueException(detail="members: not a list")
    for member in [members] if isinstance(members, dict) else members:
        if not isinstance(member, dict):
            raise InvalidValueException(detail="members: each is an object with a value")
        parts = {key.casefold(): value for key, value in member.items()}
        if len(parts) < len(member):
            raise InvalidValueException(detail="members: one has an attribute twice")
        user_id = parts.get("value")
        if not isinstance(user_id, str) or not user_id:
            raise InvalidValueException(detail="members: each has a value, the id of a user")
        unknown = next((key for key in member if key.casefold() not in _KNOWN), None)
        if unknown is not None:
            raise InvalidValueException(detail=f"members: {unknown[:60]!r} is not part of a member")
        yield user_id


def _taken(document: dict[str, Any]) -> tuple[Any] | None:
    """Take the members out of a document, which names them at most once; return None if it does not name them."""
    found = [*_take(document)]
    if len(found) > 1:
        raise InvalidValueException(detail="members: given twice")
    return (found[0],) if found else None


def _take(document: dict[str, Any]) -> Iterator[Any]:
    """Take the members, by each of their names, out of a document and of the parts that its schema is the name of."""
    for key in [*document]:
        name = key.casefold()
        if name.removeprefix(_SCHEMA) == _MEMBERS:
            yield document.pop(key)
        elif name in _WHOLE:
            if not isinstance(document[key], dict):
                raise InvalidValueException(detail=f"{key[:60]!r} is not an object")
            yield from _take(document[key])


def _refuse_members_in(part: Any) -> None:
    """Raise InvalidValueException if members are named where they are not understood, because nothing would be done."""
    for key, inner in part.items() if isinstance(part, dict) else ():
        if _MEMBERS in key.casefold():
            raise InvalidValueException(detail=f"{key[:60]!r} is not a place for members")
        _refuse_members_in(inner)
    for inner in part if isinstance(part, list) else ():
        _refuse_members_in(inner)


def _selected(path: Any) -> Sequence[str] | None:
    """Return the ids that a path names; none for the members as a whole, None for another attribute."""
    if not isinstance(path, str) or _MEMBERS not in path.casefold():
        return None
    try:
        node = Path[GroupResource](path).ast
    except ValueError:
        raise InvalidPathException(detail="members: the path is not understood") from None
    if isinstance(node, AttrPath) and node.attr.casefold() == _MEMBERS and node.sub_attr is None:
        return ()
    if isinstance(node, ValuePath) and node.attr_path.attr.casefold() == _MEMBERS and node.sub_attr is None:
        chosen = node.val_filter
        is_or = isinstance(chosen, LogicalExpr) and chosen.op is LogicalOperator.or_
        terms = chosen.terms if isinstance(chosen, LogicalExpr) and is_or else (chosen,)
        ids = [user_id for user_id in map(compared_value, terms) if user_id is not None]
        if len(ids) == len(terms):
            return ids
    raise InvalidPathException(detail='members: each is named by its value, as in members[value eq "ID"]')


def compared_value(node: Any) -> str | None:
    """Return the text that `value eq` compares with; None for any other comparison."""
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq:
        return None
    is_value = node.attr_path.attr.casefold() == "value" and node.attr_path.sub_attr is None
    return node.value if is_value and isinstance(node.value, str) else None


def wants_members(attributes: Iterable[Any] | None, excluded: Iterable[Any] | None) -> bool:
    """Tell whether an answer with these attributes, or without the excluded ones, may show members."""
    asked = [str(each).casefold().removeprefix(_SCHEMA) for each in attributes or ()]
    if asked and not any(each.startswith(_MEMBERS) for each in asked):
        return False
    return _MEMBERS not in {str(each).casefold().removeprefix(_SCHEMA) for each in excluded or ()}


def shown_member(user_id: str) -> Mapping[str, str]:
    """Return a member as the library sees it."""
    return {"value": user_id, "$ref": f"Users/{user_id}", "type": "User"}


def put_all_members(body: Any, members: Mapping[str, Sequence[str]], base_url: str) -> None:
    """Put all members into the answer of the library, each with the attributes that it left of the first one."""
    for document in body.get("Resources", [body]) if isinstance(body, dict) else ():
        shown = document.get("members")
        ids = members.get(document.get("id", ""), ())
        if not shown or len(ids) == len(shown):
            continue
        first = {name: value for name, value in shown[0].items() if name not in {"value", "$ref"}}
        with_value, with_reference = "value" in shown[0], "$ref" in shown[0]
        document["members"] = [
            first
            | ({"value": user_id} if with_value else {})
            | ({"$ref": f"{base_url}/Users/{user_id}"} if with_reference else {})
            for user_id in ids
        ]
