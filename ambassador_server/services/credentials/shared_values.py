"""Reads the values that all users share, by reference, and keeps them for a short time."""

import secrets
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ambassador_server.domain.catalog.credential_needs import CredentialField
from ambassador_server.domain.catalog.credential_values import check_value
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Missing, MissingBecause
from ambassador_server.ports.references import ResolveReference

SHARED_SECONDS: Final = 10.0
"""So long a value is used before its reference is read again."""


class SharedValues(Struct, frozen=True, kw_only=True):
    """Values by field; `generation` differs after each change of one."""

    references: Mapping[str, str]
    values: Mapping[str, str]
    generation: str
    until: float


NO_SHARED_VALUES: Final = SharedValues(references={}, values={}, generation="", until=float("inf"))


class SharedValueReader:
    """Holds the values of each MCP; a generation is random, because a digest would tell something of the values."""

    def __init__(self, resolve: ResolveReference, clock: Clock) -> None:
        self._resolve = resolve
        self._clock = clock
        self._held: dict[str, SharedValues] = {}

    async def read(self, key: str, references: Mapping[CredentialField, str]) -> SharedValues | Missing:
        """Return the values of these references, which are kept under a key."""
        if not references:
            return NO_SHARED_VALUES
        named = {field.name: reference for field, reference in references.items()}
        held = self._held.get(key)
        if held is not None and held.references == named and self._clock.monotonic() < held.until:
            return held
        values: dict[str, str] = {}
        for field, reference in references.items():
            try:
                value = await self._resolve(reference)
                check_value(field, value)
            except AmbassadorError:
                return Missing(because=MissingBecause.REFERENCE_UNUSABLE, fields=(field.name,))
            values[field.name] = value
        return self._hold(key, named, values)

    def expire(self, key: str) -> None:
        """Read the references again at the next use; the generation stays if no value has changed."""
        held = self._held.get(key)
        if held is not None:
            self._held[key] = SharedValues(
                references=held.references, values=held.values, generation=held.generation, until=-1.0
            )

    def keep_only(self, keys: frozenset[str]) -> None:
        """Forget the values under other keys."""
        self._held = {key: held for key, held in self._held.items() if key in keys}

    def _hold(self, key: str, references: Mapping[str, str], values: Mapping[str, str]) -> SharedValues:
        held = self._held.get(key)
        same = held is not None and held.values == values
        read = SharedValues(
            references=references,
            values=values,
            generation=held.generation if held is not None and same else secrets.token_hex(4),
            until=self._clock.monotonic() + SHARED_SECONDS,
        )
        self._held[key] = read
        return read
