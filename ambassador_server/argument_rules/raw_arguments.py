"""Checks the arguments of a tool against the constraints of a grant, on the bytes that the downstream gets."""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ambassador_server.domain.catalog.transforms import compared_name
from ambassador_server.domain.policy.argument_checks import ARGUMENTS, ArgumentFault, RefusedArgument
from ambassador_server.member_names import written_members

_LARGEST_INTEGER: Final = 2**53 - 1
"""Readers that have only floating-point numbers take larger integers for others."""
_LONGEST_NUMBER: Final = 400
_LARGEST_VALUE: Final = 256 * 1024
_LONGEST_TEXT: Final = 64 * 1024
_MOST_VALUES: Final = 10_000
"""With these three, the check of one argument takes a fraction of a second, whatever the patterns are."""


class ArgumentRule(Struct, frozen=True):
    """The rule for one argument: `broken_rule` returns the rule that a value breaks, or None.

    Without `broken_rule`, the argument must not be given.
    """

    broken_rule: Callable[[Any], str | None] | None
    may_be_missing: bool = False


def check_arguments(rules: Mapping[str, ArgumentRule], params: Mapping[str, bytes]) -> RefusedArgument | None:
    """Check the arguments that these rules are about.

    What two readers of the same bytes can take for different values is refused, so that the downstream gets the value
    that was checked: a name given twice, or again in another spelling, a number with more digits than a floating-point
    number has, and a text that is no Unicode.
    """
    try:
        given = _members_of(params.get(ARGUMENTS, b"{}"))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return RefusedArgument(ArgumentFault.UNREADABLE)
    by_folded_name = {compared_name(name): name for name in rules}
    found: dict[str, Raw] = {}
    for name, value in given:
        if name in rules and name not in found:
            found[name] = value
        elif name in rules or compared_name(name) in by_folded_name:
            return RefusedArgument(ArgumentFault.AMBIGUOUS, by_folded_name[compared_name(name)])
    refused = (_check(name, rule, found) for name, rule in rules.items())
    return next((each for each in refused if each is not None), None)


def _check(name: str, rule: ArgumentRule, found: Mapping[str, Raw]) -> RefusedArgument | None:
    broken_rule = rule.broken_rule
    if name not in found:
        may_be_missing = rule.may_be_missing or broken_rule is None
        return None if may_be_missing else RefusedArgument(ArgumentFault.MISSING, name)
    if broken_rule is None:
        return RefusedArgument(ArgumentFault.FORBIDDEN, name)
    try:
        value = _ExactReader().read(bytes(found[name]))
    except _UnclearError as error:
        return RefusedArgument(error.fault, name)
    broken = broken_rule(value)
    return None if broken is None else RefusedArgument(ArgumentFault.AGAINST_RULE, name, broken)


class _Members(list[tuple[str, Any]]):
    """The members of an object, in order, with those that are given twice."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _UnclearError(Exception):
    def __init__(self, fault: ArgumentFault) -> None:
        super().__init__(fault)
        self.fault = fault


def _members_of(arguments: bytes) -> list[tuple[str, Raw]]:
    """Return the members as they are written, with those that are given twice; the values are not decoded."""
    arguments.decode()
    return written_members(arguments)


def _refuse_word(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


class _ExactReader:
    """Converts one value; raises _UnclearError where readers may differ."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def read(self, raw: bytes) -> Any:
        if len(raw) > _LARGEST_VALUE:
            raise _UnclearError(ArgumentFault.TOO_LARGE)
        try:
            found = json.loads(
                raw.decode(),
                object_pairs_hook=_Members,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_refuse_word,
            )
            return self._value(found)
        except (ValueError, RecursionError):
            raise _UnclearError(ArgumentFault.UNREADABLE) from None

    def _value(self, found: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _UnclearError(ArgumentFault.TOO_LARGE)
        match found:
            case _Members():
                return self._members(found)
            case list():
                return [self._value(each) for each in found]
            case _Number():
                return _exact_number(found)
            case str():
                return _exact_text(found)
            case _:
                return found

    def _members(self, found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        names: set[str] = set()
        for name, value in found:
            folded = compared_name(_exact_text(name))
            if folded in names:
                raise _UnclearError(ArgumentFault.AMBIGUOUS)
            names.add(folded)
            members[name] = self._value(value)
        return members


def _exact_text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise _UnclearError(ArgumentFault.TOO_LARGE)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _UnclearError(ArgumentFault.INEXACT) from None
    return text


def _exact_number(written: str) -> int | float:
    if len(written) > _LONGEST_NUMBER:
        raise _UnclearError(ArgumentFault.INEXACT)
    if not written.strip("-0123456789"):
        integer = int(written)
        if abs(integer) > _LARGEST_INTEGER:
            raise _UnclearError(ArgumentFault.INEXACT)
        return integer
    number = float(written)
    try:
        is_exact = isfinite(number) and Decimal(written) == Decimal(repr(number))
    except InvalidOperation:
        is_exact = False
    if not is_exact:
        raise _UnclearError(ArgumentFault.INEXACT)
    return number
