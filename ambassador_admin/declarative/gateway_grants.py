"""Turns the permissions of a gateway's configuration into a declarative document of groups and grants.

Of the patterns that match a tool the most specific one decides alone there; here grants add up, and a denial wins.
What grants cannot say exactly is a fault with its line, so that nobody gets more, and nobody silently less.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ambassador_admin.declarative.gateway_permissions import Permissions, Written
from ambassador_admin.declarative.glob_patterns import covers, overlap, rest_behind
from ambassador_admin.declarative.readers import NAME, FaultError

_NO_LETTER = re.compile(r"[^A-Za-z0-9]")
_LONGEST_WORD = 48
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a pattern says of the tools of one server, whose names match `rest`; `values` have scopes that suffice."""

    pattern: Written
    rest: str
    rank: tuple[bool, int]
    values: frozenset[str]

    def decides_before(self, other: "_Rule") -> bool:
        """Tell whether this pattern alone decides on what both match."""
        return self.rank > other.rank and overlap(self.rest, other.rest)


Denials = Mapping[str, set[str]]
"""What a value of the claim must not get of a server, though one of its patterns matches it."""


def faults_of(found: Permissions) -> list[FaultError]:
    """Return what groups and grants cannot say exactly, each at the pattern, value or option that it comes from."""
    faults = list[FaultError]()
    for server in found.servers:
        rules = _rules(found, server)
        faults += [*_joined(found, rules), *_by_chance(rules), *_unmatched(found, server, rules)]
        faults += _denials(rules)[1]
    return [*{str(fault): fault for fault in faults}.values()]


def document(found: Permissions, *, issuer: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Return the declarative document of permissions that have no fault; `issuer` is what else the issuer has."""
    groups = {value.text: _group_name(issuer["name"], value.text) for value in found.values}
    of_servers = {server: _rules(found, server) for server in found.servers}
    denied = {server: _denials(rules)[0] for server, rules in of_servers.items()}
    grants = [
        _grant(group, server, effect, rests)
        for value, group in groups.items()
        for server, rules in of_servers.items()
        for effect, rests in (
            ("permit", {rule.rest for rule in rules if value in rule.values}),
            ("deny", denied[server].get(value, set())),
        )
        if rests
    ]
    return {
        "owner": owner,
        "issuers": [{**issuer, "group_claims": [found.claim], "group_map": groups}],
        "groups": [{"name": name} for name in groups.values()],
        "grants": grants,
    }


def _rules(found: Permissions, server: str) -> list[_Rule]:
    """Return what the patterns say of a server, without what more specific ones decide altogether."""
    rules = [
        _Rule(pattern, rest, _rank(pattern), frozenset(_sufficing(found, pattern)))
        for pattern in found.patterns
        for rest in sorted(rest_behind(pattern.text, f"{server}:"))
    ]
    return [
        rule
        for rule in rules
        if not any(other.rank > rule.rank and covers(other.rest, rule.rest) for other in rules)
    ]


def _rank(pattern: Written) -> tuple[bool, int]:
    """Return how specific a pattern is: an exact name is most, then the longest text before the first `*`."""
    return "*" not in pattern.text, len(pattern.text.partition("*")[0])


def _sufficing(found: Permissions, pattern: Written) -> Iterator[str]:
    """Find the values that alone give what matches the pattern; an empty list of scopes permits nothing."""
    for value in found.values:
        if pattern.scopes and (
            pattern.scopes <= value.scopes if found.needs_all else not pattern.scopes.isdisjoint(value.scopes)
        ):
            yield value.text


def _denials(rules: list[_Rule]) -> tuple[Denials, list[FaultError]]:
    """Return what has to be denied because a more specific pattern takes it away, and where no denial says that.

    A denial is exact if no token may have what it names: then nobody loses what another of their values gives.
    """
    denied, faults = defaultdict[str, set[str]](set), list[FaultError]()
    for narrow in rules:
        for wide in rules:
            lost = wide.values - narrow.values
            if not lost or not narrow.decides_before(wide):
                continue
            giver = _giver(rules, narrow)
            if giver is None:
                for value in lost:
                    denied[value].add(narrow.rest)
            else:
                faults.append(_takes_away(narrow, wide, giver, min(lost)))
    return denied, faults


def _giver(rules: list[_Rule], narrow: _Rule) -> _Rule | None:
    """Return a rule by which some token may have a part of what a pattern matches, and decides on."""
    for rule in rules:
        may_decide = rule is narrow or (rule.rank >= narrow.rank and overlap(rule.rest, narrow.rest))
        if rule.values and may_decide:
            return rule
    return None


def _takes_away(narrow: _Rule, wide: _Rule, giver: _Rule, lost: str) -> FaultError:
    by = "" if giver is narrow else f" by {_shown(giver)}"
    return FaultError(
        narrow.pattern.position,
        f"{narrow.pattern.text!r} takes from {lost!r} what {_shown(wide)} gives, and {min(giver.values)!r} has it{by}; "
        f"a denial for {lost!r} would also refuse tokens with both values. Write patterns that do not overlap, or give "
        f"{lost!r} a scope that suffices here",
    )


def _shown(rule: _Rule) -> str:
    return f"{rule.pattern.text!r} (line {rule.pattern.position.line})"


def _by_chance(rules: list[_Rule]) -> Iterator[FaultError]:
    """Find patterns of which none is more specific, and that say something else of the same tool."""
    for number, one in enumerate(rules):
        for other in rules[:number]:
            differ = one.pattern is not other.pattern and one.values != other.values
            if differ and one.rank == other.rank and overlap(one.rest, other.rest):
                yield FaultError(
                    one.pattern.position,
                    f"{one.pattern.text!r} and {_shown(other)} match the same tools, and neither is more specific, so "
                    "that the gateway decides by chance. Write patterns that do not overlap",
                )


def _joined(found: Permissions, rules: list[_Rule]) -> Iterator[FaultError]:
    """Find patterns whose scopes come from several values together, none of which has them all."""
    for rule in rules if found.needs_all else ():
        scopes = rule.pattern.scopes
        others = [value for value in found.values if value.text not in rule.values]
        if scopes and scopes <= frozenset[str]().union(*(value.scopes for value in others)):
            names = ", ".join(repr(each.text) for each in others if each.scopes & scopes)
            yield FaultError(
                rule.pattern.position,
                f"{rule.pattern.text!r} needs all of its scopes, which {names} have together only; a grant is for one "
                "group, and a group comes from one value. Let the provider name one more group, of those who have them "
                "all, and map it to all of these scopes",
            )


def _unmatched(found: Permissions, server: str, rules: list[_Rule]) -> Iterator[FaultError]:
    """Find what every token may by the option default_scope: a grant needs a group."""
    if found.unmatched_at is None:
        return
    every = "to every token, also to one without a group; a grant needs a group."
    if not any(covers(rule.rest, "*") for rule in rules):
        yield FaultError(
            found.unmatched_at,
            f"default_scope gives tools of {server!r} that no pattern matches {every} Say who may: add the pattern "
            f"'{server}:*' with a scope, which a group of all people has if all may",
        )
    for rule in rules:
        if not rule.pattern.scopes:
            yield FaultError(
                rule.pattern.position,
                f"{rule.pattern.text!r} has no scopes, so that default_scope gives it {every} Name a scope, or no "
                "default_scope",
            )


def _group_name(issuer: str, value: str) -> str:
    """Return the name of the group of a value: what the prefix of the issuer makes of it, or else letters and digits.

    The prefixes of all issuers end with a sign, so that no other claimed group can mean a name without signs.
    """
    name = f"{issuer}.{value}"
    if NAME.fullmatch(name) is not None:
        return name
    # The digest tells values apart whose letters are the same, and issuers.
    digest = hashlib.sha256(f"{issuer}\0{value}".encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{_NO_LETTER.sub('', name)[:_LONGEST_WORD]}{digest}"


def _grant(group: str, server: str, effect: str, rests: set[str]) -> dict[str, Any]:
    said = {} if effect == "permit" else {"effect": effect}
    tools = [f"{server}.{_spelt(rest)}" if rest != "*" else "*" for rest in sorted(rests)]
    return {"group": group, "mcp": server, **said, "tools": tools, "resources": [], "prompts": []}


def _spelt(pattern: str) -> str:
    """Return a pattern in which all but `*` is literal, in the spelling of grants: `%2f` in it is no `/`."""
    return "".join(
        each
        if each == "*" or re.fullmatch(r"[A-Za-z0-9_.:/-]", each)
        else "".join(f"%{byte:02X}" for byte in each.encode(errors="surrogatepass"))
        for each in pattern
    )
