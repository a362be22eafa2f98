"""Bodies of what a server tells of itself."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting of the running server, by its dotted name.

    `origin` is default, file, environment or flag; `source` is the file's path, the variable or the flag.
    """

    name: str
    value: Any
    origin: str
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfiguration:
    """`GET /v1/admin/server/config`: every setting in force; no secret is among them."""

    settings: list[SettingView]
