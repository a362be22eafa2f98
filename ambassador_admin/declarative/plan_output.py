"""Formats a plan for people and for programs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ambassador_admin.declarative.operations import Action, Operation
from ambassador_admin.output.text import printable

SIGNS = {Action.CREATE: "+", Action.CHANGE: "~", Action.REMOVE: "-"}

_NOT_SHOWN = frozenset({"options"})


def line(operation: Operation) -> str:
    """Return the operation in one line; a change with its attributes before and after."""
    text = f"{SIGNS[operation.action]} {operation.label}"
    if operation.action is Action.CHANGE:
        text = f"{text}: {', '.join(_changes(operation.before, operation.after))}"
    return printable(text)


def item(operation: Operation, result: str | None = None, error: str | None = None) -> dict[str, Any]:
    """Return the operation as an object; an MCP's options are left out, because they may have secrets."""
    return {
        "action": operation.action.value,
        "kind": operation.kind.value,
        "name": operation.label,
        "owner": operation.owner,
        "before": _without_hidden(operation.before),
        "after": _without_hidden(operation.after),
        "result": result,
        "error": error,
    }


def summary(operations: Iterable[Operation], unchanged: int) -> str:
    """Return the number of operations by action, and of unchanged objects."""
    counts = Counter(operation.action for operation in operations)
    return (
        f"{counts[Action.CREATE]} to create, {counts[Action.CHANGE]} to change, "
        f"{counts[Action.REMOVE]} to remove, {unchanged} unchanged."
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


def _without_hidden(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "(not shown)" if name in _NOT_SHOWN else value for name, value in attributes.items()}
