"""Builds the actors of audit events, and holds who requests a change."""

from dataclasses import dataclass

from ambassador_server.domain.audit.events import (
    SYSTEM,
    Actor,
    ActorKind,
)
from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.domain.people.principals import Origin, Principal


def user_actor(principal: Principal) -> Actor:
    """Return the actor for events of a principal."""
    return Actor(
        kind=ActorKind.USER,
        id=principal.user_id,
        name=principal.user_name,
        key_id=principal.key_id,
        key_name=principal.key_name,
    )


def admin_actor(administrator: Administrator) -> Actor:
    """Return the actor for events of an administrator: the user and the login, or the admin key."""
    key_id, name = administrator.admin_key_id, administrator.name
    if administrator.user_id is None:
        return Actor(kind=ActorKind.ADMIN, id=key_id, name=name)
    return Actor(kind=ActorKind.ADMIN, id=administrator.user_id, name=name, key_id=key_id)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who requests a change, and from where.

    It is an administrator, or a user who changes their own things; if both are None, it is the server's command line.
    With `dry_run` the change is tried and rolled back.
    """

    administrator: Administrator | None
    origin: Origin | None
    user: Actor | None = None
    dry_run: bool = False

    @property
    def actor(self) -> Actor:
        """Return the actor for audit events."""
        if self.administrator is None:
            return self.user or SYSTEM
        return admin_actor(self.administrator)
