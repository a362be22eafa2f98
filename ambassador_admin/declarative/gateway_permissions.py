"""Reads the permissions of a gateway's configuration: from claims to scopes, and from patterns of tools to scopes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.glob_patterns import rest_behind
from ambassador_admin.declarative.readers import FaultError
from ambassador_admin.declarative.yaml_tree import FilePosition, Mapping, Node, duplicates

_TEXTS = readers.list_of(readers.text, most=1000)
_AUTH = {"claims", "mappings", "permissions", "options"}
_OPTIONS = {"scope_mode", "default_scope", "enabled"}
_FORMS = re.compile(r"[?\[\]\\]")
_BESIDES = "sub"
"""A claim that every token must have here, too."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text with the scopes that belong to it, and its line: a value of the claim, or a pattern of tools."""

    text: str
    scopes: frozenset[str]
    position: FilePosition


@dataclass(slots=True)
class Permissions:
    """What a configuration says: the claim, its values, the patterns, the servers, and whether it needs all scopes.

    `unmatched_at` is where it permits what no pattern names, and what a pattern names without scopes, to every token.
    """

    claim: str = ""
    values: list[Written] = field(default_factory=list)
    patterns: list[Written] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    needs_all: bool = False
    unmatched_at: FilePosition | None = None
    faults: list[FaultError] = field(default_factory=list)


def read_permissions(tree: Node) -> Permissions:
    """Return the permissions of a configuration, with the faults of what has another form here."""
    found = Permissions()
    auth = _member(tree, "auth")
    if not isinstance(auth, Mapping):
        found.faults.append(FaultError(tree.position, "there is no mapping 'auth'"))
        return found
    found.faults += [
        FaultError(key.position, f"auth has the unknown member {readers.shown(key)}")
        for key, _ in auth.entries
        if key.text not in _AUTH
    ]
    found.faults += [
        FaultError(key.position, f"{readers.shown(key)} is given twice") for key in duplicates(auth)
    ]
    _try(found, lambda: _read_options(found, _member(auth, "options")))
    _try(found, lambda: _read_servers(found, tree))
    _try(found, lambda: _read_values(found, auth))
    _try(found, lambda: _read_patterns(found, auth))
    return found


def _read_options(found: Permissions, node: Node | None) -> None:
    if node is None:
        return
    if not isinstance(node, Mapping):
        raise FaultError(node.position, "options must be a mapping")
    for key, value in node.entries:
        match key.text:
            case "scope_mode":
                found.needs_all = readers.choice("any", "all")(value) == "all"
            case "default_scope" if not _is_null(value):
                found.unmatched_at = key.position
            case _:
                if key.text not in _OPTIONS:
                    raise FaultError(key.position, f"options has the unknown member {readers.shown(key)}")


def _read_servers(found: Permissions, tree: Node) -> None:
    servers = _member(_member(tree, "proxy"), "servers")
    for each in getattr(servers, "items", ()):
        name = _member(each, "name")
        if name is not None:
            found.servers.append(readers.mcp_name(name))
    if not found.servers:
        raise FaultError(tree.position, "proxy.servers names no server, so that no pattern names a tool")


def _read_values(found: Permissions, auth: Mapping) -> None:
    claims = _member(auth, "claims")
    known = [] if claims is None else _TEXTS(claims)
    for text, scopes, position in _lists(_member(auth, "mappings"), "mappings"):
        named = [claim for claim in known if text.startswith(f"{claim}:")]
        if len(named) != 1:
            raise FaultError(
                position, f"{text!r} begins with {'several' if named else 'none'} of auth.claims"
            )
        claim, value = named[0], text.removeprefix(f"{named[0]}:")
        if found.claim not in ("", claim):
            raise FaultError(
                position,
                f"the claims {found.claim!r} and {claim!r} would not be told apart; keep one of them",
            )
        if not value or value.startswith("/") or len(value) > 256:
            raise FaultError(
                position,
                f"{value!r}: a group of a token has 1 to 256 characters, and a '/' in front does not count; write it "
                "without",
            )
        found.claim = claim
        found.values.append(Written(value, scopes, position))
    if not found.values:
        raise FaultError(
            auth.position,
            "auth.mappings gives no value of a claim any scopes, so that there is no group to give anything to; "
            "map the groups of the provider, such as 'groups:engineers'",
        )
    for claim in known:
        if "." in claim or claim not in {found.claim, _BESIDES}:
            why = (
                "is read as a path here"
                if "." in claim
                else "is not demanded here, so that more tokens are accepted"
            )
            raise FaultError(auth.position, f"the claim {claim!r} {why}")


def _read_patterns(found: Permissions, auth: Mapping) -> None:
    for text, scopes, position in _lists(_member(auth, "permissions"), "permissions"):
        if _FORMS.search(text):
            raise FaultError(position, f"{text!r}: of the forms of patterns, grants have '*' alone")
        if not any(True for server in found.servers for _ in rest_behind(text, f"{server}:")):
            raise FaultError(position, f"{text!r} matches no tool of a server in proxy.servers")
        found.patterns.append(Written(text, scopes, position))


def _lists(node: Node | None, name: str) -> Iterator[tuple[str, frozenset[str], FilePosition]]:
    if node is None:
        return
    if not isinstance(node, Mapping):
        raise FaultError(node.position, f"{name} must be a mapping")
    for key in duplicates(node):
        raise FaultError(key.position, f"{readers.shown(key)} is given twice")
    for key, value in node.entries:
        scopes = _TEXTS(value)
        if "${" in "".join([key.text, *scopes]):
            raise FaultError(key.position, "replace ${…} by its value first")
        yield readers.text(key), frozenset(scopes), key.position


def _try(found: Permissions, read: Callable[[], None]) -> None:
    try:
        read()
    except FaultError as fault:
        found.faults.append(fault)


def _member(node: Node | None, name: str) -> Node | None:
    entries: Sequence[tuple[Any, Node]] = node.entries if isinstance(node, Mapping) else ()
    return next((value for key, value in entries if key.text == name), None)


def _is_null(node: Node) -> bool:
    return str(getattr(node, "tag", "")).endswith("null")
