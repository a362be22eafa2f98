"""Passwords of administrators: set by another administrator, kept as a hash."""

from ambassador_server.domain.administration import check_new_password
from ambassador_server.domain.administrator import Password
from ambassador_server.domain.audit import AuditAction
from ambassador_server.domain.passwords import check_password
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.passwords import PasswordHashing
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.standing import end_logins
from ambassador_server.services.users import find_user, user_resource


class Passwords:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, changes: Changes, hashing: PasswordHashing, clock: Clock) -> None:
        self._changes = changes
        self._hashing = hashing
        self._clock = clock

    async def set(self, requester: Requester, user_name: str, password: str) -> None:
        """Give a user this password and end every login there is.

        Raises InvalidInputError for a weak password, ConflictError for a user who can have none, MissingRightError
        for a requester who has less rights than the user.
        """
        checked = check_password(password, user_name)
        async with self._hashing.turn() as turn:
            # Before the transaction: nobody else must wait for something that is slow on purpose.
            hashed = await turn.hash(checked)
        async with self._changes.open(requester) as change:
            user, now = await find_user(change.work, user_name), self._clock.now()
            check_new_password(requester.administrator, user)
            fresh = Password(user_id=user.user_id, hash=hashed, changed_at=now)
            if await change.work.passwords.get(user.user_id) is None:
                await change.work.passwords.add(fresh)
            else:
                await change.work.passwords.replace(fresh)
            await end_logins(change.work, user, now)
            change.record(AuditAction.PASSWORD_SET, user_resource(user))
