"""Registrations and begun connections in memory, beside the generic repository of `tests/fakes/store.py`."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration
from ambassador_server.storage.value_checks import check_item, check_key, check_value


class RegistrationQueries:
    """What `ports.oauth_records.RegistrationRepository` has beside the generic methods; `_table` is to be read."""

    def _table(self, *, writing: bool) -> dict[str, Any]:
        raise NotImplementedError

    async def find(self, mcp_id: str, issuer: str) -> StoredRegistration | None:
        check_key(mcp_id, "The id")
        check_key(issuer, "The issuer")
        found = self._table(writing=False).values()
        return next((each for each in found if (each.mcp_id, each.issuer) == (mcp_id, issuer)), None)

    async def replace_version(self, registration: StoredRegistration, *, expected: int) -> bool:
        check_item(registration)
        table, key = self._table(writing=True), registration.registration_id
        if key not in table or table[key].version != expected:
            return False
        table[key] = registration
        return True

    async def lock(self, registration_id: str, *, now: datetime, until: datetime) -> bool:
        check_key(registration_id, "The id")
        check_value(now, "now")
        check_value(until, "until")
        table = self._table(writing=True)
        known = table.get(registration_id)
        if known is None or (known.locked_until is not None and known.locked_until > now):
            return False
        table[registration_id] = replace(known, locked_until=until)
        return True

    async def unlock(self, registration_id: str) -> None:
        check_key(registration_id, "The id")
        table = self._table(writing=True)
        if registration_id in table:
            table[registration_id] = replace(table[registration_id], locked_until=None)


class PendingQueries:
    """What `ports.oauth_records.PendingConnectionRepository` has beside the generic methods."""

    def _table(self, *, writing: bool) -> dict[str, Any]:
        raise NotImplementedError

    async def by_state(self, digest: str) -> PendingConnection | None:
        check_key(digest, "The digest")
        found = self._table(writing=False).values()
        return next((each for each in found if each.state_digest == digest), None)

    async def count(self) -> int:
        return len(self._table(writing=False))

    async def expired(self, now: datetime, *, limit: int) -> list[PendingConnection]:
        check_value(now, "now")
        found = sorted(
            self._table(writing=False).values(), key=lambda each: (each.expires_at, each.pending_id)
        )
        return [each for each in found if each.expires_at <= now][:limit]
