"""What the formats of other gateways have in common: the words of an action, the MCP and the tool of an event."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ambassador_protocol.audit.foreign import Event

_CAPABILITIES = ("tool", "resource", "prompt")


class Rule(NamedTuple):
    """The word of another gateway for actions that match a pattern, with this outcome or with any."""

    action: str
    outcome: str | None
    word: str


@dataclass(frozen=True, slots=True)
class Target:
    """The MCP and the capability that an event is about."""

    mcp: str | None
    capability: str | None


def word_for(event: Event, rules: Iterable[Rule]) -> str:
    """Return the word of the first rule that fits the event, or its action."""
    action, outcome = str(event["action"]), event["outcome"]
    fitting = (rule for rule in rules if fnmatchcase(action, rule.action) and rule.outcome in (None, outcome))
    found = next(fitting, None)
    return action if found is None else found.word


def target(event: Event) -> Target:
    """Return what an event is about: of a resource the id of its MCP, because its name is its URI.

    A name that leads to no MCP is kept as the caller sent it.
    """
    resource = event["resource"]
    kind, name, mcp_id = (resource.get(member) for member in ("kind", "name", "id"))
    if kind == "mcp":
        return Target(name, None)
    if kind not in _CAPABILITIES:
        return Target(None, None)
    if kind == "resource" or mcp_id is None or not name:
        return Target(mcp_id, name)
    mcp, dot, own = name.partition(".")
    return Target(mcp, own) if dot else Target(None, name)


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
