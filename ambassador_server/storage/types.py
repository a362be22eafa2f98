"""Column types that behave the same on every database.

Those that a policy of 100,000 objects is read through override `result_processor`, which costs one call for each value;
`process_result_value` would cost two or three.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Dialect, Text, TypeDecorator

from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS, CredentialNeeds
from ambassador_server.domain.catalog.transforms import NO_TRANSFORMS, ToolTransform, ToolTransforms
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Return what reads a time in UTC; some databases do not store a zone."""
        parse = self.impl_instance.result_processor(dialect, coltype)

        # Most objects were never updated since they were created, and many were created together.
        @lru_cache(maxsize=256)
        def read(value: Any) -> datetime | None:
            if value is None:
                return None
            stored = value if parse is None else parse(value)
            return None if stored is None else stored.replace(tzinfo=UTC)

        return read


class SharedText(TypeDecorator[str]):
    """Text that many rows have in common, such as the id of another object; equal values are one string in memory."""

    impl = CodePointText
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], str | None]:
        """Return what replaces a value by the string that all equal values share."""
        return _shared


class EnumText(TypeDecorator[StrEnum]):
    """A member of a string enumeration; the database stores its word, so new members need no migration."""

    impl = CodePointText
    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices
        self._members = _Members(choices)

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Return the word."""
        return None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], StrEnum | None]:
        """Return what finds the member; it raises ValueError for a word of a newer version."""
        return self._members.__getitem__


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


class SharedTexts(JsonDocument):
    """A JSON object of texts that other objects hold as well; equal texts are one string in memory."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, str] | None:
        """Return the object."""
        if value is None:
            return None
        return {sys.intern(name): sys.intern(text) for name, text in json.loads(value).items()}


class NeedsDocument(TypeDecorator[CredentialNeeds]):
    """The credentials that an MCP needs, as JSON; NULL for none, which is what versions before this column write."""

    impl = CodePointText
    cache_ok = True

    def process_bind_param(self, value: CredentialNeeds | None, dialect: Dialect) -> str | None:
        """Return the text."""
        if value is None or value == NO_CREDENTIALS:
            return None
        return encode_json(msgspec.to_builtins(value), "The credentials")

    def process_result_value(self, value: str | None, dialect: Dialect) -> CredentialNeeds:
        """Return the needs; raises ValueError for words of a newer version."""
        return NO_CREDENTIALS if value is None else msgspec.json.decode(value, type=CredentialNeeds)


class TransformsDocument(TypeDecorator[ToolTransforms]):
    """The transforms of an MCP's tools, as JSON; NULL for none, which is what versions before this column write."""

    impl = CodePointText
    cache_ok = True

    def process_bind_param(self, value: ToolTransforms | None, dialect: Dialect) -> str | None:
        """Return the text."""
        if value is None or value == NO_TRANSFORMS:
            return None
        return encode_json(msgspec.to_builtins(value.by_tool), "The transforms")

    def process_result_value(self, value: str | None, dialect: Dialect) -> ToolTransforms:
        """Return the transforms; what reads them shares NO_TRANSFORMS."""
        if value is None:
            return NO_TRANSFORMS
        return ToolTransforms(by_tool=msgspec.json.decode(value, type=dict[str, ToolTransform]))


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

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], tuple[str, ...] | None]:
        """Return what reads the words; it raises ValueError for a word of a newer version."""
        return self._read

    def _decode(self, text: str | None) -> tuple[str, ...] | None:
        return None if text is None else tuple(map(self.word, json.loads(text)))


class _Members(dict[str | None, StrEnum | None]):
    """The members of an enumeration by their words."""

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__({None: None}, **{str(member): member for member in choices})
        self._choices = choices

    def __missing__(self, word: str | None) -> StrEnum:
        return self._choices(str(word))


def _shared(value: str | None) -> str | None:
    return value if value is None else sys.intern(value)
