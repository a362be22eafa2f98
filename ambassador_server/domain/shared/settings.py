"""The server's settings with their sources, as administrators see them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SourceKind(StrEnum):
    """The kinds of sources of a setting; a later member overrides an earlier one."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting came from: `place` is the path of the file, the variable or the flag, None for a default."""

    kind: SourceKind = SourceKind.DEFAULT
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting by its dotted name; `value` is a JSON value, and never a secret."""

    name: str
    value: Any
    source: Source
