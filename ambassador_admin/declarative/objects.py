"""Objects as values, wanted by a file or found on the server, each by what names it and with its attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ambassador_admin.declarative.yaml_tree import FilePosition

Key = tuple[str, ...]
"""What names an object of a kind; see `ObjectKind`."""


class ObjectKind(StrEnum):
    """The kinds of objects. Their keys: a name; group and user; what a grant says; user and name of the key."""

    USER = "user"
    GROUP = "group"
    MCP = "mcp"
    MEMBERSHIP = "membership"
    GRANT = "grant"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantKey:
    """What a grant says; two grants that say the same are one. `tools` are canonical patterns in order."""

    group: str
    mcp: str
    effect: str
    delivery: str
    tools: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Return it as a key."""
        return (self.group, self.mcp, self.effect, self.delivery, *self.tools)

    @classmethod
    def of(cls, key: Key) -> "GrantKey":
        """Read a key of a grant."""
        group, mcp, effect, delivery, *tools = key
        return cls(group=group, mcp=mcp, effect=effect, delivery=delivery, tools=tuple(tools))


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredObject:
    """An object a file names. `owner` is the label of its document, None where it says that nobody owns it."""

    kind: ObjectKind
    key: Key
    attributes: Mapping[str, Any]
    owner: str | None
    position: FilePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentObject:
    """An object on the server; `item_id` where a name is not enough to say which one is meant."""

    kind: ObjectKind
    key: Key
    attributes: Mapping[str, Any]
    owner: str | None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything the files say, each object once; `owners` are the labels of all documents, empty ones included."""

    objects: tuple[DesiredObject, ...]
    owners: frozenset[str | None]
    warnings: tuple[str, ...] = field(default=())


def canonical_tools(patterns: list[str], mcp: str) -> tuple[str, ...]:
    """Return tool patterns as the server keeps them: under their MCP, each once, in order."""
    return tuple(sorted({_canonical(pattern, mcp) for pattern in patterns}))


def _canonical(pattern: str, mcp: str) -> str:
    return pattern if pattern == "*" or pattern.startswith(f"{mcp}.") else f"{mcp}.{pattern}"


def label(kind: ObjectKind, key: Key) -> str:
    """Return how a person calls the object."""
    match kind:
        case ObjectKind.MEMBERSHIP:
            return f"membership of {key[1]} in {key[0]}"
        case ObjectKind.GRANT:
            grant = GrantKey.of(key)
            waits = " (opt-in)" if grant.delivery == "opt_in" else ""
            return f"grant: {grant.effect} {grant.group} {grant.mcp} {' '.join(grant.tools)}{waits}"
        case ObjectKind.KEY:
            return f"key {key[1]} of {key[0]}"
        case _:
            return f"{kind} {key[0]}"
