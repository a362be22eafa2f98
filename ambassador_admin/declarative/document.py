"""Reads declarative files strictly; every fault is reported with its line, and no object may be declared twice."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.credential_reader import credentials
from ambassador_admin.declarative.issuer_reader import ISSUER_FIELDS, fill_in
from ambassador_admin.declarative.objects import (
    DesiredObject,
    DesiredState,
    GrantKey,
    Key,
    ObjectKind,
    label,
)
from ambassador_admin.declarative.patterns import canonical_patterns
from ambassador_admin.declarative.readers import FaultError, Reader
from ambassador_admin.declarative.secrets import plain_secrets
from ambassador_admin.declarative.transform_reader import transforms
from ambassador_admin.declarative.yaml_tree import (
    STDIN,
    FilePosition,
    Mapping,
    Node,
    Scalar,
    Sequence,
    duplicates,
    read_trees,
)
from ambassador_admin.errors import UsageError

MAX_FILES = 1000
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Section:
    """One list of a document: the kind of its items, the fields that each needs, and the others."""

    kind: ObjectKind
    names: dict[str, Reader]
    fields: dict[str, Reader]


_MEMBERS = readers.list_of(readers.with_position(readers.name))
_SECTIONS = {
    "users": Section(
        ObjectKind.USER,
        {"name": readers.name},
        {
            "display_name": readers.text,
            "email": readers.text,
            "status": readers.choice("active", "suspended", "deactivated"),
            "source": readers.choice("local", "external"),
            "meta_tools": readers.switch_word("on", "off"),
        },
    ),
    "groups": Section(
        ObjectKind.GROUP,
        {"name": readers.name},
        {
            "description": readers.text,
            "status": readers.choice("active", "suspended"),
            "members": _MEMBERS,
        },
    ),
    "memberships": Section(ObjectKind.MEMBERSHIP, {"group": readers.name, "members": _MEMBERS}, {}),
    "mcps": Section(
        ObjectKind.MCP,
        {"name": readers.mcp_name},
        {
            "transport": readers.name,
            "options": readers.options,
            "display_name": readers.text,
            "description": readers.text,
            "tags": readers.list_of(readers.name),
            "arguments": readers.choice("none", "keys", "redacted", "full"),
            "call_timeout_seconds": readers.number,
            "max_in_flight": readers.count,
            "breaker_failures": readers.whole,
            "grace_seconds": readers.number,
            "isolation": readers.choice("shared", "per_user"),
            "pin": readers.choice("off", "warn", "block"),
            "prefixed": readers.boolean,
            "sessions": readers.choice("shared", "per_user", "auto"),
            "broadcast": readers.choice("off", "read_only", "all"),
            "credentials": credentials,
            "transforms": transforms,
            "published": readers.boolean,
        },
    ),
    "issuers": Section(ObjectKind.ISSUER, {"name": readers.name}, ISSUER_FIELDS),
    "limits": Section(
        ObjectKind.LIMIT,
        {
            "name": readers.name,
            "scope": readers.choice("tool", "mcp", "tool_class", "key", "user", "group", "everyone"),
            "measure": readers.choice(
                "calls_per_minute", "calls_per_day", "in_flight", "argument_bytes", "result_bytes"
            ),
            "value": readers.count,
        },
        {"target": readers.text, "burst": readers.count},
    ),
    "grants": Section(
        ObjectKind.GRANT,
        {"group": readers.name, "mcp": readers.mcp_name},
        {
            "tools": readers.patterns,
            "resources": readers.uri_patterns,
            "prompts": readers.patterns,
            "effect": readers.choice("permit", "deny"),
            "delivery": readers.choice("automatic", "opt_in"),
            "expires_at": readers.moment,
            "constraints": readers.options,
            "approval": readers.approval,
        },
    ),
    "keys": Section(
        ObjectKind.KEY,
        {"user": readers.name, "name": readers.name},
        {"expires_in_seconds": readers.seconds, "meta_tools": readers.switch_word("on", "off", "inherit")},
    ),
}


def read_desired(paths: Collection[Path], stdin: TextIO) -> DesiredState:
    """Return the state that the files declare; a directory stands for every *.yaml and *.yml in it, `-` for stdin.

    Raises InvalidFilesError, which lists the faults, or UsageError for a file that cannot be read.
    """
    if sum(path == STDIN for path in paths) > 1:
        raise UsageError("Standard input can be read only once: give '-' once.")
    reader = _DocumentReader()
    for file in (file for path in paths for file in _files(path)):
        for tree in read_trees(file, stdin):
            reader.document(tree)
    return reader.finish()


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


class _DocumentReader:
    def __init__(self) -> None:
        self._faults: list[FaultError] = []
        self._objects: dict[tuple[ObjectKind, Key], DesiredObject] = {}
        self._owners: set[str | None] = set()
        self._warnings: list[str] = []

    def document(self, tree: Node) -> None:
        """Read one document, or a list of documents, which is the JSON form of an export."""
        for each in tree.items if isinstance(tree, Sequence) else [tree]:
            self._document(each)

    def _document(self, tree: Node) -> None:
        if not isinstance(tree, Mapping):
            self._fault(tree.position, "must be a mapping with 'owner' and lists of objects")
            return
        entries = self._entries(tree, {"owner", *_SECTIONS})
        if "owner" not in entries:
            self._fault(
                tree.position,
                "'owner' is missing: the label of the owner of this file's objects, or null for none",
            )
            return
        owner = self._read_or_report(_owner, entries.pop("owner"))
        self._owners.add(owner)
        for name, node in entries.items():
            if not isinstance(node, Sequence):
                self._fault(node.position, f"{name}: must be a list")
                continue
            for item in node.items:
                self._item(_SECTIONS[name], item, owner)

    def finish(self) -> DesiredState:
        if self._faults:
            lines = sorted({(fault.position, fault.message) for fault in self._faults})
            shown = [f"{position}: {message}" for position, message in lines[:MAX_FAULTS]]
            if len(lines) > MAX_FAULTS:
                shown.append(f"and {len(lines) - MAX_FAULTS} more")
            raise InvalidFilesError(shown)
        return DesiredState(tuple(self._objects.values()), frozenset(self._owners), tuple(self._warnings))

    def _item(self, section: Section, node: Node, owner: str | None) -> None:
        if not isinstance(node, Mapping):
            self._fault(node.position, f"a {section.kind} must be a mapping")
            return
        readers = section.names | section.fields
        entries = self._entries(node, set(readers))
        missing = [name for name in section.names if name not in entries]
        if missing:
            self._fault(node.position, f"a {section.kind} needs {' and '.join(map(repr, missing))}")
            return
        before = len(self._faults)
        attributes = {name: self._read_or_report(readers[name], each, name) for name, each in entries.items()}
        if len(self._faults) == before:
            self._check(section.kind, attributes, node.position)
            for wanted in _wanted(section.kind, attributes, owner, node.position, _lines(node)):
                self._add(wanted)

    def _check(self, kind: ObjectKind, attributes: dict[str, Any], position: FilePosition) -> None:
        if kind is ObjectKind.MCP:
            self._warnings += [f"{position}: {risk}" for risk in plain_secrets(attributes.get("options", {}))]
        if kind is ObjectKind.GRANT:
            self._check_grant(attributes, position)
        if kind is ObjectKind.LIMIT:
            self._check_limit(attributes, position)
        if kind is ObjectKind.ISSUER:
            fill_in(attributes)
            if "url" not in attributes:
                self._fault(position, "an issuer needs 'url'")

    def _check_grant(self, attributes: dict[str, Any], position: FilePosition) -> None:
        if (attributes.get("effect"), attributes.get("delivery")) == ("deny", "opt_in"):
            self._fault(position, "delivery: a grant with effect deny cannot be opt_in")
        if attributes.get("constraints") and attributes.get("effect") == "deny":
            self._fault(position, "constraints: only a grant with effect permit can have them")
        if attributes.get("approval") and attributes.get("effect") == "deny":
            self._fault(position, "approval: only a grant with effect permit can demand it")
        given = [attributes[kind] for kind in ("tools", "resources", "prompts") if kind in attributes]
        if given and not any(given):
            self._fault(position, "a grant names at least one pattern of tools, resources or prompts")

    def _check_limit(self, attributes: dict[str, Any], position: FilePosition) -> None:
        if bool(attributes.get("target")) == (attributes["scope"] == "everyone"):
            self._fault(position, "target: every scope but 'everyone' needs one")
        if "burst" in attributes and attributes["measure"] != "calls_per_minute":
            self._fault(position, "burst: only the measure calls_per_minute has one")

    def _add(self, wanted: DesiredObject) -> None:
        before = self._objects.setdefault((wanted.kind, wanted.key), wanted)
        if before is not wanted:
            self._fault(
                wanted.position, f"{label(wanted.kind, wanted.key)} is declared at {before.position} already"
            )

    def _entries(self, node: Mapping, known: Iterable[str]) -> dict[str, Node]:
        for key in duplicates(node):
            self._fault(key.position, f"{readers.shown(key)} is given twice")
        for key, _ in node.entries:
            if key.text not in known:
                self._fault(
                    key.position, f"unknown key {readers.shown(key)}; known are {', '.join(sorted(known))}"
                )
        return {key.text: value for key, value in node.entries if key.text in known}

    def _read_or_report(self, read: Reader, node: Node, name: str = "") -> Any:
        try:
            return read(node)
        except FaultError as fault:
            self._fault(fault.position, f"{name}: {fault.message}" if name else fault.message)
            return None

    def _fault(self, position: FilePosition, message: str) -> None:
        self._faults.append(FaultError(position, message))


class InvalidFilesError(UsageError):
    """The files have faults; `lines` describes each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("The files cannot be used; nothing was sent.", hint="docs/ci-provisioning.md")
        self.lines = lines


def _owner(node: Node) -> str | None:
    if isinstance(node, Scalar) and node.tag == "null":
        return None
    return str(readers.owner(node))


def _lines(item: Mapping) -> dict[str, FilePosition]:
    """Return the positions of an item's members, and of the members of their mappings."""
    inner = [pair for _, value in item.entries if isinstance(value, Mapping) for pair in value.entries]
    return {key.text: key.position for key, _ in (*inner, *item.entries)}


def _wanted(
    kind: ObjectKind,
    attributes: dict[str, Any],
    owner: str | None,
    position: FilePosition,
    lines: dict[str, FilePosition],
) -> Iterator[DesiredObject]:
    members = attributes.pop("members", [])
    if kind is ObjectKind.MEMBERSHIP:
        group = attributes["group"]
    else:
        key = _key(kind, attributes)
        group = key[0]
        yield DesiredObject(
            kind=kind, key=key, attributes=attributes, owner=owner, position=position, lines=lines
        )
    for member, member_position in members:
        yield DesiredObject(
            kind=ObjectKind.MEMBERSHIP,
            key=(group, member),
            attributes={},
            owner=owner,
            position=member_position,
        )


def _key(kind: ObjectKind, attributes: dict[str, Any]) -> Key:
    """Remove the identifying attributes and return them as a key; absent members get their defaults."""
    if kind is ObjectKind.KEY:
        return attributes.pop("user"), attributes.pop("name")
    if kind is ObjectKind.LIMIT:
        is_rate = attributes["measure"] == "calls_per_minute"
        attributes.setdefault("target", None)
        attributes.setdefault("burst", attributes["value"] if is_rate else None)
    if kind is not ObjectKind.GRANT:
        return (attributes.pop("name"),)
    group, mcp = attributes.pop("group"), attributes.pop("mcp")
    attributes.setdefault("expires_at", None)
    attributes["constraints"] = attributes.get("constraints") or None
    attributes.setdefault("approval", None)
    tools, resources, prompts = (attributes.pop(kind, None) for kind in ("tools", "resources", "prompts"))
    return GrantKey(
        group=group,
        mcp=mcp,
        effect=attributes.pop("effect", "permit"),
        delivery=attributes.pop("delivery", "automatic"),
        **canonical_patterns(tools, resources, prompts, mcp)._asdict(),
    ).key
