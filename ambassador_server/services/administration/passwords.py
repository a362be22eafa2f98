"""Passwords of administrators: set by another administrator, or changed by their owner."""

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import user_resource
from ambassador_server.domain.people.administrators import Password
from ambassador_server.domain.people.password_rules import check_password
from ambassador_server.domain.people.role_rules import check_new_password
from ambassador_server.domain.people.users import User
from ambassador_server.errors import ConflictError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.passwords import PasswordHasherPool
from ambassador_server.services.administration.admin_guard import end_logins
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_user
from ambassador_server.services.sign_in.password_proof import PasswordProver


class Passwords:
    """The use cases of administrators for passwords."""

    def __init__(
        self, *, changes: Changes, hashers: PasswordHasherPool, prover: PasswordProver, clock: Clock
    ) -> None:
        self._changes = changes
        self._hashers = hashers
        self._prover = prover
        self._clock = clock

    async def set(self, requester: Requester, user_name: str, password: str) -> None:
        """Set the password of a user and end all logins of that user.

        Raises InvalidInputError for a weak password, ConflictError for a user who can have none, MissingRightError if
        the user has rights that the requester lacks.
        """
        hashed = await self._hash(password, user_name)
        async with self._changes.open(requester) as change:
            user = await find_user(change.work, user_name)
            check_new_password(requester.administrator, user)
            await self._store(change, user, hashed, keep=None)

    async def change(self, requester: Requester, current: str, password: str) -> None:
        """Change the password of the requester and end all other logins of that user.

        Raises the errors of `prove`, InvalidInputError for a weak password, ConflictError for an admin key.
        """
        administrator, origin = requester.administrator, requester.origin
        if administrator is None or administrator.user_id is None or origin is None:
            raise ConflictError("You use an admin key, which has no password.")
        # The current password is required, so that a stolen login cannot lock its owner out.
        proof = await self._prover.prove(administrator.name, current, origin)
        hashed = await self._hash(password, administrator.name)
        async with self._changes.open(requester) as change:
            await proof.check(change.work)
            await self._store(change, proof.user, hashed, keep=administrator.admin_key_id)

    async def _hash(self, password: str, user_name: str) -> str:
        """Check and hash a password, before the transaction, because other writers would wait for the slow hash."""
        checked = check_password(password, user_name)
        async with self._hashers.acquire() as hasher:
            return await hasher.hash(checked)

    async def _store(self, change: Change, user: User, hashed: str, *, keep: str | None) -> None:
        now = self._clock.now()
        password = Password(user_id=user.user_id, hash=hashed, changed_at=now)
        if await change.work.passwords.get(user.user_id) is None:
            await change.work.passwords.add(password)
        else:
            await change.work.passwords.replace(password)
        await end_logins(change.work, user, now, keep=keep)
        change.record(AuditAction.PASSWORD_SET, user_resource(user))
