"""Creates the users whom tokens name first, where the issuer may: without a group, a role or a password."""

import uuid

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import Actor, ActorKind
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.token_claims import TokenIdentity
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.ports.clock import Clock
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.user_events import USER_EVENTS
from ambassador_server.services.changes.writing import write
from ambassador_server.services.shared.database_deadline import within_deadline


class TokenAccounts:
    """Creates users, each bound to the issuer and the subject of its token."""

    def __init__(self, *, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock

    @within_deadline
    async def create(self, issuer: Issuer, identity: TokenIdentity, origin: Origin) -> None:
        """Create the user; does nothing if another request, here or on another server, was faster."""
        now = self._clock.now()
        user = User(
            user_id=str(uuid.uuid4()),
            name=identity.user_name,
            display_name=identity.user_name,
            email=identity.email,
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
            source=AuthSource.EXTERNAL,
            issuer=issuer.url,
            subject=identity.subject,
        )
        actor = Actor(kind=ActorKind.USER, id=user.user_id, name=user.name, key_name=issuer.name)
        async with self._changes.open(Requester(None, origin, actor)) as change:
            if await change.work.users.by_name(user.name) is None:
                await write(change, change.work.users, None, user, USER_EVENTS)
