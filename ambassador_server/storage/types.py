"""Column types that behave the same on every database."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Text, TypeDecorator

from ambassador_server.storage.value_checks import encode_json


class CodePointText(Text):
    """Text that compares and sorts by code point; a dialect declares how, if that is not its default."""


class AutoIncrementKey(BigInteger):
    """An integer primary key that the database assigns; each is larger than all before it."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone; it is read back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the same instant in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC; some databases do not store a zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class SharedText(TypeDecorator[str]):
    """Text that many rows have in common, such as the id of another object; equal values are one string in memory."""

    impl = CodePointText
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the string that all equal values share."""
        return None if value is None else sys.intern(value)


class EnumText(TypeDecorator[StrEnum]):
    """A member of a string enumeration; the database stores its word, so new members need no migration."""

    impl = CodePointText
    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices
        self._members = {str(member): member for member in choices}

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Return the word."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member; raises ValueError for a word of a newer version."""
        if value is None:
            return None
        return self._members.get(value) or self.choices(value)


class JsonDocument(TypeDecorator[Mapping[str, Any]]):
    """A JSON object stored as text, because no JSON column type keeps every document unchanged."""

    impl = CodePointText
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str | None:
        """Return the text."""
        return None if value is None else encode_json(value, "The document")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, Any] | None:
        """Return the object."""
        return None if value is None else json.loads(value)


class TextTuple(TypeDecorator[tuple[str, ...]]):
    """A tuple of words stored as a JSON list; `word` converts each to a member of its enumeration."""

    impl = CodePointText
    cache_ok = True

    def __init__(self, word: Callable[[str], str] = str) -> None:
        super().__init__()
        self.word = word
        # Thousands of rows have the same few lists: a shared tuple costs neither decoding nor memory.
        self._read = lru_cache(maxsize=10_000)(self._decode)

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Return the list as text."""
        return None if value is None else encode_json(value, "The list")

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Return the words; raises ValueError for a word of a newer version."""
        return None if value is None else self._read(value)

    def _decode(self, text: str) -> tuple[str, ...]:
        return tuple(map(self.word, json.loads(text)))
