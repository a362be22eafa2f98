"""The sealed values of credentials, in memory."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from ambassador_server.domain.people.credentials import StoredSecret
from ambassador_server.errors import ConflictError
from ambassador_server.storage.value_checks import check_item, check_key, check_value

Secrets = dict[tuple[str, str], StoredSecret]


class InMemorySecrets:
    """Implements `ports.secret_store.SecretRepository`."""

    def __init__(
        self,
        *,
        reading: Callable[[], Secrets],
        writing: Callable[[], Secrets],
        credentials: Callable[[], Collection[str]],
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._credentials = credentials

    async def put(self, secret: StoredSecret) -> None:
        """Store a value in the place of an earlier one."""
        check_item(secret)
        secrets = self._writing()
        if secret.credential_id not in self._credentials():
            raise ConflictError("The value belongs to an unknown credential.")
        secrets[_key(secret.credential_id, secret.field)] = secret

    async def get(self, credential_id: str, field: str) -> StoredSecret | None:
        """Return one value."""
        return self._reading().get(_key(credential_id, field))

    async def of(self, credential_id: str) -> list[StoredSecret]:
        """Return the values of a credential, by field."""
        check_key(credential_id, "The id")
        return [secret for key, secret in sorted(self._reading().items()) if key[0] == credential_id]

    async def remove(self, credential_id: str, field: str) -> bool:
        """Delete a value."""
        return self._writing().pop(_key(credential_id, field), None) is not None

    async def replace_version(self, secret: StoredSecret, *, expected: int) -> bool:
        """Replace a value unless its version is another than expected."""
        check_item(secret)
        secrets, key = self._writing(), _key(secret.credential_id, secret.field)
        if key not in secrets or secrets[key].version != expected:
            return False
        secrets[key] = secret
        return True

    async def lock(self, credential_id: str, field: str, *, now: datetime, until: datetime) -> bool:
        """Reserve the refresh of a value."""
        check_value(now, "now")
        check_value(until, "until")
        secrets, key = self._writing(), _key(credential_id, field)
        if key not in secrets:
            return False
        held = secrets[key].locked_until
        if held is not None and held > now:
            return False
        secrets[key] = replace(secrets[key], locked_until=until)
        return True

    async def unlock(self, credential_id: str, field: str) -> None:
        """End a reservation."""
        secrets, key = self._writing(), _key(credential_id, field)
        if key in secrets:
            secrets[key] = replace(secrets[key], locked_until=None)

    async def key_counts(self) -> dict[int, int]:
        """Return how many values each master key has sealed."""
        return dict(Counter(secret.key_number for secret in self._reading().values()))

    async def sealed_by(self, key_number: int) -> StoredSecret | None:
        """Return one value that a master key has sealed."""
        found = (secret for _, secret in sorted(self._reading().items()) if secret.key_number == key_number)
        return next(found, None)

    async def sealed_before(
        self, key_number: int, *, limit: int, after: tuple[str, str] | None = None
    ) -> list[StoredSecret]:
        """Return values that a master key with a lower number has sealed."""
        return [
            secret
            for key, secret in sorted(self._reading().items())
            if secret.key_number < key_number and (after is None or key > after)
        ][:limit]

    async def seal_again(self, secret: StoredSecret, *, expected: int, now: datetime) -> bool:
        """Replace the sealed content unless the version is another than expected, or the refresh is reserved."""
        check_item(secret)
        check_value(now, "now")
        secrets, key = self._writing(), _key(secret.credential_id, secret.field)
        known = secrets.get(key)
        if known is None or known.version != expected:
            return False
        if known.locked_until is not None and known.locked_until > now:
            return False
        secrets[key] = replace(
            known, sealed=secret.sealed, key_number=secret.key_number, version=secret.version
        )
        return True


def _key(credential_id: str, field: str) -> tuple[str, str]:
    check_key(credential_id, "The id")
    check_key(field, "The field")
    return credential_id, field
