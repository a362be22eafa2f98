"""A setting of the server as an administrator is told of it: what holds, and who said so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SettingOrigin(StrEnum):
    """Where a setting can come from; each goes before those above it."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting came from: `place` is the file's path, the variable or the flag; a default has none."""

    origin: SettingOrigin = SettingOrigin.DEFAULT
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting by its dotted name; `value` is what JSON can hold, and never a secret."""

    name: str
    value: Any
    source: Source
