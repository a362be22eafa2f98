"""A plan as people and programs read it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ambassador_admin.declarative.operations import Action, Operation
from ambassador_admin.output.text import printable

SIGNS = {Action.CREATE: "+", Action.CHANGE: "~", Action.REMOVE: "-"}

_NOT_SHOWN = frozenset({"options"})


def line(operation: Operation) -> str:
    """Return the operation in one line: what is created, changed from what to what, or removed."""
    text = f"{SIGNS[operation.action]} {operation.label}"
    if operation.action is Action.CHANGE:
        text = f"{text}: {', '.join(_changes(operation.before, operation.after))}"
    return printable(text)


def item(operation: Operation, result: str | None = None, error: str | None = None) -> dict[str, Any]:
    """Return the operation as a program reads it; options of an MCP stay out, for they may hold secrets."""
    return {
        "action": operation.action.value,
        "kind": operation.kind.value,
        "name": operation.label,
        "owner": operation.owner,
        "before": _open(operation.before),
        "after": _open(operation.after),
        "result": result,
        "error": error,
    }


def counted(operations: Iterable[Operation], unchanged: int) -> str:
    """Return how many there are of each kind of change."""
    counts = Counter(operation.action for operation in operations)
    return (
        f"{counts[Action.CREATE]} to create, {counts[Action.CHANGE]} to change, "
        f"{counts[Action.REMOVE]} to remove, {unchanged} as they should be."
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, value in after.items():
        if name in _NOT_SHOWN:
            yield f"{name} change"
        else:
            yield f"{name}: {_value(before.get(name))} -> {_value(value)}"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _open(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "(not shown)" if name in _NOT_SHOWN else value for name, value in attributes.items()}
