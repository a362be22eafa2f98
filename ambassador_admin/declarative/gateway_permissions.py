"""Turns the permissions of a gateway's configuration, from claims to scopes to patterns, into a declarative document.

What grants cannot say exactly is a fault with its line, so that nobody gets more, and nobody silently less.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.glob_patterns import overlap, rest_behind
from ambassador_admin.declarative.readers import FaultError
from ambassador_admin.declarative.yaml_tree import FilePosition, Mapping, Node, duplicates

_TEXTS = readers.list_of(readers.text, most=1000)
_AUTH = {"claims", "mappings", "permissions", "options"}
_OPTIONS = {"scope_mode", "default_scope", "enabled"}
_FORMS = re.compile(r"[?\[\]\\]")
_NO_NAME = re.compile(r"[^A-Za-z0-9._@+-]")
_LONGEST_GROUP = 64
_BESIDES = "sub"
"""A claim that every token must have here, too."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A text with the scopes that belong to it, and its line: a value of the claim, or a pattern of tools."""

    text: str
    scopes: frozenset[str]
    position: FilePosition


@dataclass(slots=True)
class Permissions:
    """What a configuration says: the claim, its values, the patterns, the servers, and whether it needs all scopes."""

    claim: str = ""
    values: list[_Written] = field(default_factory=list)
    patterns: list[_Written] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    needs_all: bool = False
    faults: list[FaultError] = field(default_factory=list)


def read_permissions(tree: Node) -> Permissions:
    """Return the permissions of a configuration, with the faults of what cannot be said here."""
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
    if not found.faults:
        found.faults += [*_not_joined(found), *_overridden(found)]
    return found


def document(found: Permissions, *, issuer: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Return the declarative document of permissions that have no fault; `issuer` is what else the issuer has."""
    groups = {value.text: _group_name(issuer["name"], value.text) for value in found.values}
    grants = [
        {"group": groups[value.text], "mcp": server, "tools": tools, "resources": [], "prompts": []}
        for value in found.values
        for server in found.servers
        if (tools := _tools(found, value, server))
    ]
    return {
        "owner": owner,
        "issuers": [{**issuer, "group_claims": [found.claim], "group_map": groups}],
        "groups": [{"name": name} for name in groups.values()],
        "grants": grants,
    }


def _tools(found: Permissions, value: _Written, server: str) -> list[str]:
    """Return the patterns of the tools of a server that a value of the claim gives."""
    rests = {
        rest
        for pattern in found.patterns
        if _suffices(found, value, pattern)
        for rest in rest_behind(pattern.text, f"{server}:")
    }
    return [f"{server}.{_spelt(rest)}" if rest != "*" else "*" for rest in sorted(rests)]


def _suffices(found: Permissions, value: _Written, pattern: _Written) -> bool:
    """Tell whether this value alone gives what matches the pattern; an empty list of scopes permits nothing."""
    if found.needs_all:
        return bool(pattern.scopes) and pattern.scopes <= value.scopes
    return not pattern.scopes.isdisjoint(value.scopes)


def _not_joined(found: Permissions) -> Iterator[FaultError]:
    """Find patterns whose scopes come from several values together, none of which has them all."""
    for pattern in found.patterns if found.needs_all else ():
        others = [value for value in found.values if not _suffices(found, value, pattern)]
        together = frozenset[str]().union(*(value.scopes for value in others))
        if pattern.scopes and pattern.scopes <= together:
            names = ", ".join(repr(each.text) for each in others if each.scopes & pattern.scopes)
            yield FaultError(
                pattern.position,
                f"{pattern.text!r} needs all of its scopes, which {names} have together only; a group comes from one "
                "value. Let one value have them all",
            )


def _overridden(found: Permissions) -> Iterator[FaultError]:
    """Find patterns that take away what a less specific one gives: grants add up."""
    for narrow in found.patterns:
        for wide in found.patterns:
            if narrow is wide or _rank(narrow) < _rank(wide) or not overlap(narrow.text, wide.text):
                continue
            lost = [
                value.text
                for value in found.values
                if _suffices(found, value, wide) and not _suffices(found, value, narrow)
            ]
            if lost:
                yield FaultError(
                    narrow.position,
                    f"{narrow.text!r} takes from {lost[0]!r} what {wide.text!r} (line {wide.position.line}) gives; "
                    "permissions of grants add up. Write patterns that do not overlap",
                )


def _rank(pattern: _Written) -> tuple[bool, int]:
    """Return how specific a pattern is: an exact name is most, then the longest text before the first `*`."""
    return "*" not in pattern.text, len(pattern.text.partition("*")[0])


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
                raise FaultError(
                    key.position,
                    "default_scope permits tools without a pattern to everybody with a token; a grant needs a group",
                )
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
                position, f"{value!r}: a group of a token has 1 to 256 characters and no '/' in front"
            )
        found.claim = claim
        found.values.append(_Written(value, scopes, position))
    for claim in known:
        if "." in claim or claim not in {found.claim, _BESIDES}:
            why = (
                "is read as a path here"
                if "." in claim
                else "is not demanded here, so that more tokens are accepted"
            )
            raise FaultError(auth.position, f"the claim {claim!r} {why}")
    names = [_group_name("x", each.text) for each in found.values]
    for each, name in zip(found.values, names, strict=True):
        if names.count(name) > 1:
            raise FaultError(each.position, f"{each.text!r} and another value would be one group")


def _read_patterns(found: Permissions, auth: Mapping) -> None:
    for text, scopes, position in _lists(_member(auth, "permissions"), "permissions"):
        if _FORMS.search(text):
            raise FaultError(position, f"{text!r}: of the forms of patterns, grants have '*' alone")
        if not any(True for server in found.servers for _ in rest_behind(text, f"{server}:")):
            raise FaultError(position, f"{text!r} matches no tool of a server in proxy.servers")
        found.patterns.append(_Written(text, scopes, position))


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


def _group_name(issuer: str, value: str) -> str:
    return f"{issuer}.{_NO_NAME.sub('-', value)}"[:_LONGEST_GROUP]


def _spelt(pattern: str) -> str:
    """Return a pattern in which all but `*` is literal, in the spelling of grants: `%2f` in it is no `/`."""
    return "".join(
        each
        if each == "*" or re.fullmatch(r"[A-Za-z0-9_.:/-]", each)
        else "".join(f"%{byte:02X}" for byte in each.encode(errors="surrogatepass"))
        for each in pattern
    )
