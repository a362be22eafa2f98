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
_PLAIN: Final = 4096
_LONGEST_TEXT: Final = 64 * 1024
_MOST_VALUES: Final = 10_000
"""With these three, the check of one argument takes a fraction of a second, whatever the patterns are."""


class ArgumentRule(Struct, frozen=True):
    """The rule for one argument: `permits` tells whether a value keeps it, `broken_rule` what one breaks, or None.

    Without `broken_rule`, the argument must not be given.
    """

    broken_rule: Callable[[Any], str | None] | None
    permits: Callable[[Any], bool] | None = None
    may_be_missing: bool = False


_PLAIN_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class ArgumentRules:
    """Checks the arguments of a call against the rules of one grant, by the name of the argument.

    What two readers of the same bytes can take for different values is refused, so that the downstream gets the value
    that was checked: a name given twice, or again in another spelling, a number with more digits than a floating-point
    number has, and a text that is no Unicode.
    """

    __slots__ = ("_by_compared_name", "_rules")

    def __init__(self, rules: Mapping[str, ArgumentRule]) -> None:
        self._rules = rules
        self._by_compared_name = {compared_name(name): name for name in rules}

    def __call__(self, params: Mapping[str, bytes]) -> RefusedArgument | None:
        """Check the arguments that the rules are about; `params` has the raw JSON of every parameter."""
        raw = params.get(ARGUMENTS, b"{}")
        return None if len(raw) <= _PLAIN and self._permits_plain(raw) else self._closer_look(raw)

    def _permits_plain(self, raw: bytes) -> bool:
        """Tell whether all is short plain text that is permitted: what most calls send takes one pass."""
        try:
            text = raw.decode("ascii")
            given = _PLAIN_MEMBERS.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False
        # The length of an object without blanks and escapes shows whether a member was lost.
        length = 4 * len(given) + 1 + len("".join(given)) + sum(map(len, given.values()))
        if "\\" in text or not text.isprintable() or length != len(raw):
            return False
        rules, by_compared_name = self._rules, self._by_compared_name
        for name in given:
            if name not in rules and name.lower() in by_compared_name:
                return False
        for name, rule in rules.items():
            value = bytes(given.get(name, b""))
            if rule.permits is None or value[:1] != b'"' or not rule.permits(value[1:-1].decode()):
                return False
        return True

    def _closer_look(self, raw: bytes) -> RefusedArgument | None:
        try:
            raw.decode()
            given = written_members(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return RefusedArgument(ArgumentFault.UNREADABLE)
        found: dict[str, Raw] = {}
        rules, by_compared_name = self._rules, self._by_compared_name
        for name, value in given:
            if name in rules and name not in found:
                found[name] = value
            elif (meant := by_compared_name.get(compared_name(name))) is not None:
                return RefusedArgument(ArgumentFault.AMBIGUOUS, meant)
        for name, rule in rules.items():
            refused = _check(name, rule, found.get(name))
            if refused is not None:
                return refused
        return None


def _check(name: str, rule: ArgumentRule, raw: Raw | None) -> RefusedArgument | None:
    broken_rule = rule.broken_rule
    if raw is None:
        may_be_missing = rule.may_be_missing or broken_rule is None
        return None if may_be_missing else RefusedArgument(ArgumentFault.MISSING, name)
    if broken_rule is None:
        return RefusedArgument(ArgumentFault.FORBIDDEN, name)
    try:
        value = _exact_value(bytes(raw))
    except _UnclearError as error:
        return RefusedArgument(error.fault, name)
    broken = broken_rule(value)
    return None if broken is None else RefusedArgument(ArgumentFault.AGAINST_RULE, name, broken)


def _exact_value(raw: bytes) -> Any:
    """Return the value; raises _UnclearError where readers may differ."""
    if len(raw) > _LARGEST_VALUE:
        raise _UnclearError(ArgumentFault.TOO_LARGE)
    try:
        return _ExactReader().read(raw.decode())
    except (ValueError, RecursionError):
        raise _UnclearError(ArgumentFault.UNREADABLE) from None


class _Members(list[tuple[str, Any]]):
    """The members of an object, in order, with those that are given twice."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _UnclearError(Exception):
    def __init__(self, fault: ArgumentFault) -> None:
        super().__init__(fault)
        self.fault = fault


def _refuse_word(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_VALUES: Final = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_word
)


class _ExactReader:
    """Converts one value; raises _UnclearError where readers may differ, ValueError for what is no JSON."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def read(self, text: str) -> Any:
        return self._value(_VALUES.decode(text))

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
