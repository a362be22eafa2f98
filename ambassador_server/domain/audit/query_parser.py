"""Parses the audit query language: `user=alice tool~git.* (reason=no_grant or not decision=deny) since=1h`.

    query       = conjunction { "or" conjunction }
    conjunction = term { [ "and" ] term }
    term        = "not" term | "(" query ")" | comparison
    comparison  = field ( "=" | "==" | "!=" | "~" ) value | field [ "not" ] "in" "(" value { "," value } ")"

A value is quoted with ' or ", where a backslash escapes the next character, or unquoted, without spaces, quotes,
commas and parentheses. `*` in the value of `~` stands for any number of characters.
"""

import re
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from typing import NoReturn

from ambassador_server.domain.audit.query import (
    EVERYTHING,
    MAX_TEXT,
    And,
    Not,
    Or,
    Query,
    searchable,
)
from ambassador_server.domain.audit.query_fields import FIELDS, TIME_FIELDS
from ambassador_server.errors import InvalidInputError, InvalidQueryError

MAX_LENGTH = 4096
MAX_DEPTH = 20
MAX_TERMS = 100

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]+")
_OPERATOR = re.compile(r"!=|==?|~")
_UNQUOTED = re.compile(r"[^\s\"'(),]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONNECTIVES = ("and", "or")


def parse_query(text: str, now: datetime, name: str = "where") -> Query:
    """Parse a query; durations count back from `now`, and an empty text matches everything.

    Raises InvalidQueryError with the position of the first error; `name` is what the message calls the text.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidQueryError(
            f"The query is longer than {MAX_LENGTH} characters", name=name, position=MAX_LENGTH
        )
    return _Parser(text, now, name).parse()


def compare(name: str, value: str, now: datetime) -> Query:
    """Return the comparison of a field with a value, or with a glob if the value has a `*`.

    Raises InvalidInputError for a value that the field cannot have.
    """
    try:
        check_value(value)
        if name in TIME_FIELDS:
            return TIME_FIELDS[name].at(value, now)
        return FIELDS[name].resembles(value) if "*" in value else FIELDS[name].equals(value)
    except ValueError as error:
        raise InvalidInputError(f"{name}: {name!r} {error}") from None


def check_value(value: str) -> None:
    """Raise ValueError for a value that no stored one can equal."""
    if len(value) > MAX_TEXT:
        raise ValueError(f"has values of at most {MAX_TEXT} characters")
    if searchable(value) != value:
        raise ValueError("has no value with a NUL character or half a surrogate pair in it")


class _Parser:
    def __init__(self, text: str, now: datetime, name: str) -> None:
        self._text = text
        self._now = now
        self._name = name
        self._at = 0
        self._terms = 0

    def parse(self) -> Query:
        if self._at_end():
            return EVERYTHING
        query = self._query(0)
        if not self._at_end():
            self._fail(f"{self._text[self._at]!r} does not belong here")
        return query

    def _query(self, depth: int) -> Query:
        parts = [self._conjunction(depth)]
        while self._accept_word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self, depth: int) -> Query:
        parts = [self._term(depth)]
        while self._accept_word("and") or self._at_term():
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _term(self, depth: int) -> Query:
        if depth > MAX_DEPTH:
            self._fail(f"The query is nested deeper than {MAX_DEPTH} levels")
        if self._accept_word("not"):
            return Not(self._term(depth + 1))
        if not self._accept("("):
            return self._comparison()
        opening = self._at - 1
        query = self._query(depth + 1)
        if not self._accept(")"):
            self._fail("This parenthesis is never closed", opening)
        return query

    def _comparison(self) -> Query:
        at = self._skip_spaces()
        found = _NAME.match(self._text, at)
        name = "" if found is None else found[0]
        if found is None or name.lower() in _CONNECTIVES:
            self._fail("A comparison such as user=alice must stand here")
        if name not in FIELDS and name not in TIME_FIELDS:
            near = get_close_matches(name, [*FIELDS, *TIME_FIELDS, *_CONNECTIVES, "not"], n=1)
            guess = f"did you mean {near[0]!r}? Known are" if near else "known are"
            self._fail(f"Nothing can be found by {name[:60]!r}; {guess} {', '.join([*FIELDS, *TIME_FIELDS])}")
        self._at = found.end()
        if self._accept_word("in"):
            return self._any_of(name)
        if self._accept_word("not"):
            if not self._accept_word("in"):
                self._fail("'in' must stand here")
            return Not(self._any_of(name))
        return self._comparison_with_operator(name)

    def _comparison_with_operator(self, name: str) -> Query:
        at = self._skip_spaces()
        found = _OPERATOR.match(self._text, at)
        if found is None:
            self._fail("One of =, !=, ~ and in must stand here")
        if name in TIME_FIELDS and found[0] not in ("=", "=="):
            self._fail(f"{name!r} is compared with = only", at)
        self._at = found.end()
        if found[0] == "~":
            return self._value(name, FIELDS[name].resembles)
        query = self._value(name, self._equals(name))
        return Not(query) if found[0] == "!=" else query

    def _equals(self, name: str) -> Callable[[str], Query]:
        if name in FIELDS:
            return FIELDS[name].equals
        return lambda text: TIME_FIELDS[name].at(text, self._now)

    def _any_of(self, name: str) -> Query:
        if name in TIME_FIELDS:
            self._fail(f"{name!r} is compared with = only")
        if not self._accept("("):
            self._fail("'(' must stand here")
        parts = [self._value(name, FIELDS[name].equals)]
        while self._accept(","):
            parts.append(self._value(name, FIELDS[name].equals))
        if not self._accept(")"):
            self._fail("',' or ')' must stand here")
        return Or(tuple(parts))

    def _value(self, name: str, compare_with: Callable[[str], Query]) -> Query:
        at = self._skip_spaces()
        value = self._text_of_value(at)
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._fail(f"The query has more than {MAX_TERMS} comparisons", at)
        try:
            check_value(value)
            return compare_with(value)
        except ValueError as error:
            self._fail(f"{name!r} {error}", at)

    def _text_of_value(self, at: int) -> str:
        if at < len(self._text) and self._text[at] in "\"'":
            found = _QUOTED.match(self._text, at)
            if found is None:
                self._fail("This quote is never closed", at)
            self._at = found.end()
            return _ESCAPE.sub(r"\1", found[1] if found[1] is not None else found[2])
        found = _UNQUOTED.match(self._text, at)
        if found is None:
            self._fail("A value must stand here", at)
        self._at = found.end()
        return found[0]

    def _at_term(self) -> bool:
        at = self._skip_spaces()
        found = _NAME.match(self._text, at)
        return self._text.startswith("(", at) or (found is not None and found[0].lower() not in _CONNECTIVES)

    def _accept_word(self, word: str) -> bool:
        found = _NAME.match(self._text, self._skip_spaces())
        if found is None or found[0].lower() != word:
            return False
        self._at = found.end()
        return True

    def _accept(self, symbol: str) -> bool:
        if not self._text.startswith(symbol, self._skip_spaces()):
            return False
        self._at += len(symbol)
        return True

    def _at_end(self) -> bool:
        return self._skip_spaces() == len(self._text)

    def _skip_spaces(self) -> int:
        """Skip spaces and return the position after them."""
        found = _SPACE.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return self._at

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        raise InvalidQueryError(message, name=self._name, position=self._skip_spaces() if at is None else at)
