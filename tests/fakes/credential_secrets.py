"""The sealed values of credentials, in memory."""

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


def _key(credential_id: str, field: str) -> tuple[str, str]:
    check_key(credential_id, "The id")
    check_key(field, "The field")
    return credential_id, field
