"""The values that are compared: objects that files declare and objects that the server has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ambassador_admin.declarative.yaml_tree import FilePosition

Key = tuple[str, ...]
"""The identity of an object within its kind; see `ObjectKind`."""


class ObjectKind(StrEnum):
    """The kinds of objects.

    The key of a user, group, MCP, limit or issuer is its name; of a membership, the group and the user; of a grant, its
    `GrantKey`; of a client key, the user and its name.
    """

    USER = "user"
    GROUP = "group"
    MCP = "mcp"
    LIMIT = "limit"
    ISSUER = "issuer"
    MEMBERSHIP = "membership"
    GRANT = "grant"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantKey:
    """The identity of a grant: grants with the same members are the same. Patterns are as the server stores them."""

    group: str
    mcp: str
    effect: str
    delivery: str
    tools: tuple[str, ...]
    resources: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None

    @property
    def key(self) -> Key:
        """Return the members as a key; no pattern has a space in it."""
        said = [each for each in (self.tools, self.resources, self.prompts) if each is not None]
        return (self.group, self.mcp, self.effect, self.delivery, *map(" ".join, said))

    @classmethod
    def of(cls, key: Key) -> "GrantKey":
        """Return the members of a grant's key."""
        group, mcp, effect, delivery, *said = key
        tools, *others = (tuple(each.split()) for each in said)
        resources, prompts = others or (None, None)
        return cls(
            group=group,
            mcp=mcp,
            effect=effect,
            delivery=delivery,
            tools=tools,
            resources=resources,
            prompts=prompts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredObject:
    """An object that a file declares; `owner` is that of its document, None for no owner.

    `position` is that of the object, `lines` are those of its members and of the members of its options.
    """

    kind: ObjectKind
    key: Key
    attributes: Mapping[str, Any]
    owner: str | None
    position: FilePosition
    lines: Mapping[str, FilePosition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentObject:
    """An object on the server; `item_id` is set for grants and keys, which requests identify by id."""

    kind: ObjectKind
    key: Key
    attributes: Mapping[str, Any]
    owner: str | None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All declared objects, each once; `owners` are those of all documents, also of empty ones."""

    objects: tuple[DesiredObject, ...]
    owners: frozenset[str | None]
    warnings: tuple[str, ...] = field(default=())


def label(kind: ObjectKind, key: Key) -> str:
    """Return the object's kind and name for people."""
    match kind:
        case ObjectKind.MEMBERSHIP:
            return f"membership of {key[1]} in {key[0]}"
        case ObjectKind.GRANT:
            grant = GrantKey.of(key)
            suffix = " (opt-in)" if grant.delivery == "opt_in" else ""
            return f"grant: {grant.effect} {grant.group} {grant.mcp} {' '.join(_words(grant))}{suffix}"
        case ObjectKind.KEY:
            return f"key {key[1]} of {key[0]}"
        case _:
            return f"{kind} {key[0]}"


def _words(grant: GrantKey) -> list[str]:
    """Return what a grant covers: patterns of tools as they are, others after the word of their kind."""
    words = list(grant.tools)
    for kind, patterns in (("resources", grant.resources), ("prompts", grant.prompts)):
        words += [] if patterns is None else [f"{kind}:", *(patterns or ("none",))]
    return words


def references(kind: ObjectKind, key: Key, attributes: Mapping[str, Any]) -> list[tuple[ObjectKind, str]]:
    """Return the kinds and names of the objects that an object refers to."""
    match kind:
        case ObjectKind.MEMBERSHIP:
            return [(ObjectKind.GROUP, key[0]), (ObjectKind.USER, key[1])]
        case ObjectKind.GRANT:
            return [(ObjectKind.GROUP, key[0]), (ObjectKind.MCP, key[1])]
        case ObjectKind.KEY:
            return [(ObjectKind.USER, key[0])]
        case ObjectKind.ISSUER:
            return [(ObjectKind.GROUP, group) for group in sorted({*attributes["group_map"].values()})]
        case ObjectKind.LIMIT:
            return _about(attributes["scope"], attributes["target"])
        case _:
            return []


def _about(scope: str, target: str | None) -> list[tuple[ObjectKind, str]]:
    """Return what a limit is about, if it is an object that files declare; a tool belongs to an MCP."""
    match scope:
        case "user" | "group" | "mcp":
            return [(ObjectKind(scope), target or "")]
        case "tool":
            return [(ObjectKind.MCP, (target or "").partition(".")[0])]
        case _:
            return []


def lasts_longer(grant: CurrentObject, attributes: Mapping[str, Any]) -> bool:
    """Tell whether a grant expires later than one with these attributes; False for other kinds of objects."""
    if grant.kind is not ObjectKind.GRANT:
        return False
    ends, others = grant.attributes["expires_at"], attributes["expires_at"]
    return others is not None and (ends is None or bool(ends > others))
