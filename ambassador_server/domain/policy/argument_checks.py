"""What the constraints of a grant say of the arguments of a call: a check, and the argument that it refuses."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

ARGUMENTS: Final = "arguments"
"""The parameter of a request that holds the arguments."""
_MOST_REMEMBERED: Final = 100


class ArgumentFault(StrEnum):
    """Why an argument is not permitted."""

    UNREADABLE = "unreadable"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"
    INEXACT = "inexact"
    TOO_LARGE = "too_large"
    FORBIDDEN = "forbidden"
    AGAINST_RULE = "against_rule"
    RULE_UNUSABLE = "rule_unusable"


class RefusedArgument(Struct, frozen=True):
    """The argument that a grant does not permit, and the rule that it breaks; never its value.

    `name` is None if it is about all arguments, `rule` if none is broken.
    """

    fault: ArgumentFault
    name: str | None = None
    rule: str | None = None


ArgumentCheck = Callable[[Mapping[str, bytes]], RefusedArgument | None]
"""Takes the raw JSON of every parameter of a request; None permits its arguments."""


class CallParams:
    """The raw parameters of a call; of each check they remember what it said, so that it is asked only once."""

    __slots__ = ("_params", "_said")

    def __init__(self, params: Mapping[str, bytes]) -> None:
        self._params = params
        self._said: dict[ArgumentCheck, RefusedArgument | None] = {}

    def refused_by(self, check: ArgumentCheck) -> RefusedArgument | None:
        """Return the argument that a check refuses, None if it permits the call."""
        if check not in self._said:
            if len(self._said) >= _MOST_REMEMBERED:
                self._said.clear()
            self._said[check] = check(self._params)
        return self._said[check]


def refuse_every_argument(params: Mapping[str, bytes]) -> RefusedArgument:
    """Refuse a call, because the constraints of its grant cannot be used."""
    return RefusedArgument(ArgumentFault.RULE_UNUSABLE)
