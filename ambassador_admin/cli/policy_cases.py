"""Reads the file of `access test`: cases with a user, a tool and the expected decision."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ambassador_admin.errors import UsageError

KINDS = ("tool", "resource", "prompt")
"""What a case can be about."""
_TEXTS = frozenset({"user", *KINDS, "key", "issuer", "expect", "reason"})
_ARGUMENTS, _CLAIMED = "arguments", "claimed_groups"
_PERMIT = "permit"
_EXPECTATIONS = (_PERMIT, "deny")
_OLDER = {"allow": _PERMIT}
"""Words that files may still have."""

EXAMPLE = (
    "cases: [{user: alice, tool: git.git_log, expect: permit}, {user: bob, tool: git.git_push, expect: deny}]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCase:
    """One case; `kind` is that of what `name` names, `reason` the expected reason of a denial, None for any.

    `arguments` are those of a call of a tool, as JSON; without them, it is about those that permit most. With `issuer`
    it is about a token, which names `claimed_groups`, instead of a key.
    """

    user: str
    kind: str
    name: str
    key: str | None
    expect: str
    reason: str | None
    arguments: str | None = None
    issuer: str | None = None
    claimed_groups: tuple[str, ...] = ()

    def matches(self, answer: Mapping[str, Any]) -> bool:
        """Tell whether the server's explanation is as expected."""
        if self.expect == _PERMIT:
            return answer["allowed"] is True
        return answer["allowed"] is False and self.reason in {None, answer["reason"]}


def read_cases(path: Path, stdin: TextIO) -> list[PolicyCase]:
    """Return the cases in a file, `-` for standard input; raises UsageError that names the wrong case and the fault."""
    # Not above: importing YAML is slow, and only this command reads it.
    from ambassador_admin.declarative.readers import FaultError, json_value
    from ambassador_admin.declarative.yaml_tree import read_trees

    try:
        contents = [json_value(tree) for tree in read_trees(path, stdin)]
    except FaultError as error:
        raise UsageError(f"{error}.", hint=EXAMPLE) from error
    content = contents[0] if len(contents) == 1 else None
    cases = content.get("cases") if isinstance(content, dict) and set(content) == {"cases"} else None
    if not isinstance(cases, list) or not cases:
        raise UsageError(f"There is no list `cases` in {path}.", hint=EXAMPLE)
    return [_case(number, case) for number, case in enumerate(cases, 1)]


def _case(number: int, case: Any) -> PolicyCase:
    if not isinstance(case, dict) or not all(
        isinstance(value, str) for member, value in case.items() if member not in {_ARGUMENTS, _CLAIMED}
    ):
        raise UsageError(f"Case {number} is not a mapping of texts.", hint=EXAMPLE)
    unknown = sorted(set(map(str, case)) - _TEXTS - {_ARGUMENTS, _CLAIMED})
    missing = sorted({"user", "expect"} - set(case))
    if unknown or missing:
        what = f"has an unknown member {unknown[0]!r}" if unknown else f"has no {missing[0]!r}"
        raise UsageError(f"Case {number} {what}.", hint=EXAMPLE)
    kinds = [kind for kind in KINDS if kind in case]
    if len(kinds) != 1:
        raise UsageError(f"Case {number} needs one of 'tool', 'resource' and 'prompt'.", hint=EXAMPLE)
    expect = _OLDER.get(case["expect"], case["expect"])
    if expect not in _EXPECTATIONS:
        raise UsageError(f"Case {number}: expect is 'permit' or 'deny', not {case['expect']!r}.")
    return PolicyCase(
        user=case["user"],
        kind=kinds[0],
        name=case[kinds[0]],
        key=case.get("key"),
        expect=expect,
        reason=case.get("reason"),
        arguments=_arguments(number, case, kinds[0]),
        issuer=case.get("issuer"),
        claimed_groups=_claimed_groups(number, case),
    )


def _arguments(number: int, case: Mapping[str, Any], kind: str) -> str | None:
    if _ARGUMENTS not in case:
        return None
    if kind != "tool" or not isinstance(case[_ARGUMENTS], dict):
        raise UsageError(f"Case {number}: 'arguments' is a mapping, and goes with a tool.", hint=EXAMPLE)
    return json.dumps(case[_ARGUMENTS])


def _claimed_groups(number: int, case: Mapping[str, Any]) -> tuple[str, ...]:
    groups = case.get(_CLAIMED, [])
    if not isinstance(groups, list) or not all(isinstance(each, str) for each in groups):
        raise UsageError(f"Case {number}: 'claimed_groups' is a list of texts.", hint=EXAMPLE)
    if groups and "issuer" not in case:
        raise UsageError(f"Case {number}: 'claimed_groups' goes with an 'issuer'.", hint=EXAMPLE)
    if "issuer" in case and "key" in case:
        raise UsageError(f"Case {number}: 'issuer' and 'key' exclude each other.", hint=EXAMPLE)
    return tuple(groups)
