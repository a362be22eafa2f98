"""Bodies of what an administrator asks about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """The administrator behind an `amb_ak_` key."""

    name: str
    roles: list[str]
    expires_at: str | None
    server_version: str
