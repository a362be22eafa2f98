"""Reads the files of a declaration: strict, with a line for whatever is wrong, every object at most once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.objects import Desired, GrantKey, Key, Kind, Wanted, canonical_tools, label
from ambassador_admin.declarative.readers import FaultError, Reader
from ambassador_admin.declarative.secrets import plain_secrets
from ambassador_admin.declarative.yaml_tree import (
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    duplicates,
    read_trees,
)
from ambassador_admin.errors import UsageError

MAX_FILES = 1000
MAX_FAULTS = 20
_ANY_NUMBER = 1_000_000


@dataclass(frozen=True, slots=True)
class Section:
    """One list of a document: the kind of its items, the fields that name one, and the others."""

    kind: Kind
    names: dict[str, Reader]
    fields: dict[str, Reader]


_MEMBERS = readers.several(readers.placed(readers.name), most=_ANY_NUMBER)
_SECTIONS = {
    "users": Section(
        Kind.USER,
        {"name": readers.name},
        {
            "display_name": readers.text,
            "email": readers.text,
            "status": readers.choice("active", "suspended", "deactivated"),
            "source": readers.choice("local", "external"),
        },
    ),
    "groups": Section(
        Kind.GROUP,
        {"name": readers.name},
        {
            "description": readers.text,
            "status": readers.choice("active", "suspended"),
            "members": _MEMBERS,
        },
    ),
    "memberships": Section(Kind.MEMBERSHIP, {"group": readers.name, "members": _MEMBERS}, {}),
    "mcps": Section(
        Kind.MCP,
        {"name": readers.mcp_name},
        {
            "transport": readers.name,
            "options": readers.options,
            "display_name": readers.text,
            "description": readers.text,
            "tags": readers.several(readers.name),
            "arguments": readers.choice("none", "keys", "redacted", "full"),
            "call_timeout_seconds": readers.number,
            "isolation": readers.choice("shared", "per_user"),
            "published": readers.boolean,
        },
    ),
    "grants": Section(
        Kind.GRANT,
        {"group": readers.name, "mcp": readers.mcp_name},
        {
            "tools": readers.several(readers.pattern, least=1),
            "effect": readers.choice("permit", "deny"),
            "delivery": readers.choice("automatic", "opt_in"),
            "expires_at": readers.moment,
        },
    ),
    "keys": Section(
        Kind.KEY,
        {"user": readers.name, "name": readers.name},
        {"expires_in_seconds": readers.seconds},
    ),
}


def read_desired(paths: Iterable[Path]) -> Desired:
    """Read files, of a directory all *.yaml and *.yml in it. Raises UsageError with a line for each fault."""
    reading = _Reading()
    for file in (file for path in paths for file in _files(path)):
        for tree in read_trees(file):
            reading.document(tree)
    return reading.finish()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        found = sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml") and each.is_file())
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    if not 0 < len(found) <= MAX_FILES:
        raise UsageError(f"{path} has {len(found)} *.yaml and *.yml files, not 1 to {MAX_FILES}.")
    return found


class _Reading:
    def __init__(self) -> None:
        self._faults: list[FaultError] = []
        self._objects: dict[tuple[Kind, Key], Wanted] = {}
        self._owners: set[str | None] = set()
        self._warnings: list[str] = []

    def document(self, tree: Node) -> None:
        if not isinstance(tree, Mapping):
            self._fault(tree.place, "must be a mapping with 'owner' and lists of objects")
            return
        entries = self._entries(tree, {"owner", *_SECTIONS})
        if "owner" not in entries:
            self._fault(
                tree.place, "'owner' is missing: the label of what this file owns, or null for nobody"
            )
            return
        owner = self._try(_owner, entries.pop("owner"))
        self._owners.add(owner)
        for name, node in entries.items():
            if not isinstance(node, Sequence):
                self._fault(node.place, f"{name}: must be a list")
                continue
            for item in node.items:
                self._item(_SECTIONS[name], item, owner)

    def finish(self) -> Desired:
        if self._faults:
            lines = sorted({(fault.place, fault.message) for fault in self._faults})
            shown = [f"{place}: {message}" for place, message in lines[:MAX_FAULTS]]
            if len(lines) > MAX_FAULTS:
                shown.append(f"and {len(lines) - MAX_FAULTS} more")
            raise FaultsError(shown)
        return Desired(tuple(self._objects.values()), frozenset(self._owners), tuple(self._warnings))

    def _item(self, section: Section, node: Node, owner: str | None) -> None:
        if not isinstance(node, Mapping):
            self._fault(node.place, f"a {section.kind} must be a mapping")
            return
        readers = section.names | section.fields
        entries = self._entries(node, set(readers))
        missing = [name for name in section.names if name not in entries]
        if missing:
            self._fault(node.place, f"a {section.kind} needs {' and '.join(map(repr, missing))}")
            return
        before = len(self._faults)
        facts = {name: self._try(readers[name], each, name) for name, each in entries.items()}
        if len(self._faults) == before:
            self._check(section.kind, facts, node.place)
            for wanted in _wanted(section.kind, facts, owner, node.place):
                self._add(wanted)

    def _check(self, kind: Kind, facts: dict[str, Any], place: Place) -> None:
        if kind is Kind.MCP:
            self._warnings += [f"{place}: {risk}" for risk in plain_secrets(facts.get("options", {}))]
        if kind is Kind.GRANT and (facts.get("effect"), facts.get("delivery")) == ("deny", "opt_in"):
            self._fault(place, "delivery: only a permit can be opted in to")

    def _add(self, wanted: Wanted) -> None:
        before = self._objects.setdefault((wanted.kind, wanted.key), wanted)
        if before is not wanted:
            self._fault(wanted.place, f"{label(wanted.kind, wanted.key)} is in {before.place} already")

    def _entries(self, node: Mapping, known: Iterable[str]) -> dict[str, Node]:
        for key in duplicates(node):
            self._fault(key.place, f"{readers.shown(key)} is there twice")
        for key, _ in node.entries:
            if key.text not in known:
                self._fault(
                    key.place, f"unknown key {readers.shown(key)}; known are {', '.join(sorted(known))}"
                )
        return {key.text: value for key, value in node.entries if key.text in known}

    def _try(self, read: Reader, node: Node, name: str = "") -> Any:
        try:
            return read(node)
        except FaultError as fault:
            self._fault(fault.place, f"{name}: {fault.message}" if name else fault.message)
            return None

    def _fault(self, place: Place, message: str) -> None:
        self._faults.append(FaultError(place, message))


class FaultsError(UsageError):
    """What is wrong in the files, a line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("The files cannot be used; nothing was sent.", hint="docs/ci-provisioning.md")
        self.lines = lines


def _owner(node: Node) -> str | None:
    if isinstance(node, Scalar) and node.tag == "null":
        return None
    return str(readers.owner(node))


def _wanted(kind: Kind, facts: dict[str, Any], owner: str | None, place: Place) -> Iterator[Wanted]:
    members = facts.pop("members", [])
    if kind is Kind.MEMBERSHIP:
        group = facts["group"]
    else:
        key = _key(kind, facts)
        group = key[0]
        yield Wanted(kind=kind, key=key, facts=facts, owner=owner, place=place)
    for member, where in members:
        yield Wanted(kind=Kind.MEMBERSHIP, key=(group, member), facts={}, owner=owner, place=where)


def _key(kind: Kind, facts: dict[str, Any]) -> Key:
    """Return what names the object, and leave only the other facts; a grant always says when it ends."""
    if kind is Kind.KEY:
        return facts.pop("user"), facts.pop("name")
    if kind is not Kind.GRANT:
        return (facts.pop("name"),)
    group, mcp = facts.pop("group"), facts.pop("mcp")
    facts.setdefault("expires_at", None)
    return GrantKey(
        group=group,
        mcp=mcp,
        effect=facts.pop("effect", "permit"),
        delivery=facts.pop("delivery", "automatic"),
        tools=canonical_tools(facts.pop("tools", ["*"]), mcp),
    ).key
