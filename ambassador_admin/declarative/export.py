"""What is on the server as the document that declares it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ambassador_admin.declarative.masks import is_masked
from ambassador_admin.declarative.objects import Found, GrantKey, Kind
from ambassador_admin.output.formats import yaml_document

_SECTIONS = {
    Kind.USER: "users",
    Kind.GROUP: "groups",
    Kind.MCP: "mcps",
    Kind.GRANT: "grants",
    Kind.KEY: "keys",
}


def documents(state: Iterable[Found]) -> list[dict[str, Any]]:
    """Return a document per owner, that of what nobody owns first."""
    by_owner: dict[str | None, list[Found]] = defaultdict(list)
    for found in state:
        by_owner[found.owner].append(found)
    return [_document(owner, by_owner[owner]) for owner in sorted(by_owner, key=lambda each: each or "")]


def export_text(written: Iterable[dict[str, Any]]) -> str:
    """Return documents as one YAML text, without the last line end."""
    return "\n---\n".join(map(yaml_document, written))


def masked(state: Iterable[Found]) -> list[str]:
    """Return the names of the MCPs whose options cannot be applied as they are shown."""
    return [found.key[0] for found in state if found.kind is Kind.MCP and is_masked(found.facts["options"])]


def _document(owner: str | None, found: list[Found]) -> dict[str, Any]:
    groups = {each.key[0] for each in found if each.kind is Kind.GROUP}
    members: dict[str, list[str]] = defaultdict(list)
    for each in found:
        if each.kind is Kind.MEMBERSHIP:
            members[each.key[0]].append(each.key[1])
    document: dict[str, Any] = {"owner": owner}
    for kind, section in _SECTIONS.items():
        items = [_item(each) for each in sorted(found, key=lambda each: each.key) if each.kind is kind]
        if kind is Kind.GROUP:
            for item in items:
                if item["name"] in members:
                    item["members"] = sorted(members[item["name"]])
        if items:
            document[section] = items
    foreign = [
        {"group": group, "members": sorted(users)}
        for group, users in sorted(members.items())
        if group not in groups
    ]
    return document | ({"memberships": foreign} if foreign else {})


def _item(found: Found) -> dict[str, Any]:
    facts = {name: value for name, value in found.facts.items() if value is not None}
    match found.kind:
        case Kind.GRANT:
            grant = GrantKey.of(found.key)
            said = {
                "group": grant.group,
                "mcp": grant.mcp,
                "tools": list(grant.tools),
                "effect": grant.effect,
            }
            return said | {"delivery": grant.delivery} | facts
        case Kind.KEY:
            return {"user": found.key[0], "name": found.key[1]} | facts
        case _:
            return {"name": found.key[0]} | facts
