"""Exports the objects of the server as declarative documents."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ambassador_admin.declarative.masks import is_masked
from ambassador_admin.declarative.objects import CurrentObject, GrantKey, Key, ObjectKind, lasts_longer
from ambassador_admin.output.formats import yaml_document

_SECTIONS = {
    ObjectKind.USER: "users",
    ObjectKind.GROUP: "groups",
    ObjectKind.MCP: "mcps",
    ObjectKind.ISSUER: "issuers",
    ObjectKind.LIMIT: "limits",
    ObjectKind.GRANT: "grants",
    ObjectKind.KEY: "keys",
}


def documents(state: Iterable[CurrentObject]) -> list[dict[str, Any]]:
    """Return one document per owner; the one of objects without an owner is first.

    A file can declare an object only once. Of keys with the same user and name the newest is declared, and of grants
    that differ only in their expiry the one that lasts longest.
    """
    by_owner: dict[str | None, list[CurrentObject]] = defaultdict(list)
    for found in _declarable(state):
        by_owner[found.owner].append(found)
    return [_document(owner, by_owner[owner]) for owner in sorted(by_owner, key=lambda each: each or "")]


def _declarable(state: Iterable[CurrentObject]) -> Iterable[CurrentObject]:
    kept: dict[tuple[ObjectKind, Key], CurrentObject] = {}
    for found in state:  # keys in the order in which they were issued
        other = kept.get((found.kind, found.key))
        if other is None or not lasts_longer(other, found.attributes):
            kept[found.kind, found.key] = found
    return kept.values()


def export_text(documents: Iterable[dict[str, Any]], encoding: str | None = None) -> str:
    """Return documents as one YAML text, without the last line end, with escapes for what the encoding lacks."""
    return "\n---\n".join(yaml_document(document, encoding) for document in documents)


def masked(state: Iterable[CurrentObject]) -> list[str]:
    """Return the names of the MCPs whose options have masked secrets and cannot be applied."""
    return [
        found.key[0]
        for found in state
        if found.kind is ObjectKind.MCP and is_masked(found.attributes["options"])
    ]


def _document(owner: str | None, found: list[CurrentObject]) -> dict[str, Any]:
    groups = {each.key[0] for each in found if each.kind is ObjectKind.GROUP}
    members: dict[str, list[str]] = defaultdict(list)
    for each in found:
        if each.kind is ObjectKind.MEMBERSHIP:
            members[each.key[0]].append(each.key[1])
    document: dict[str, Any] = {"owner": owner}
    for kind, section in _SECTIONS.items():
        items = [_item(each) for each in sorted(found, key=lambda each: each.key) if each.kind is kind]
        if kind is ObjectKind.GROUP:
            for item in items:
                if item["name"] in members:
                    item["members"] = sorted(members[item["name"]])
        if items:
            document[section] = items
    memberships = [
        {"group": group, "members": sorted(users)}
        for group, users in sorted(members.items())
        if group not in groups
    ]
    return document | ({"memberships": memberships} if memberships else {})


def _item(found: CurrentObject) -> dict[str, Any]:
    attributes = {name: value for name, value in found.attributes.items() if value is not None}
    match found.kind:
        case ObjectKind.GRANT:
            grant = GrantKey.of(found.key)
            named = {"tools": grant.tools, "resources": grant.resources, "prompts": grant.prompts}
            patterns = {kind: list(each) for kind, each in named.items() if each is not None}
            others = {"effect": grant.effect, "delivery": grant.delivery}
            return {"group": grant.group, "mcp": grant.mcp} | patterns | others | attributes
        case ObjectKind.KEY:
            return {"user": found.key[0], "name": found.key[1]} | attributes
        case _:
            return {"name": found.key[0]} | attributes
