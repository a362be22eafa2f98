"""Answers who may call which tool, and why, with the same function that decides calls."""

from dataclasses import dataclass

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef, tool_ref
from ambassador_server.domain.catalog.mcps import canonical_name
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import AuthSource, User
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.explain import Explanation, explain
from ambassador_server.domain.policy.pattern_spelling import exact_name
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing, Slice
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import NotFoundError
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAccess:
    """An explained decision about one user and one tool; `key` is None if the user has no key."""

    user: User
    key: ClientKey | None
    tool: str
    explanation: Explanation


class AccessQueries:
    """The use cases of administrators for access; they change nothing."""

    def __init__(self, *, policy: PolicyKeeper, catalog: Catalog) -> None:
        self._policy = policy
        self._catalog = catalog

    def explain(self, user_name: str, tool_name: str, *, key_name: str | None = None) -> ExplainedAccess:
        """Explain the decision about a call. Raises NotFoundError for a user, key or tool that does not exist.

        Without `key_name` it is about the newest good key of the user, or the newest key if none is good.
        """
        snapshot = self._policy.snapshot
        user = next((user for user in snapshot.users.values() if user.name == user_name), None)
        if user is None:
            names = [each.name for each in snapshot.users.values()]
            raise NotFoundError(f"No user {user_name!r}{near(user_name, names)}")
        key = self._key(snapshot, user, key_name)
        tool = self._tool(snapshot, tool_name)
        return ExplainedAccess(
            user=user,
            key=key,
            tool=tool.name,
            explanation=explain(snapshot, _principal(user, key), tool, self._policy.current_moment()),
        )

    def who_can(self, tool_name: str, listing: Listing) -> Slice[User]:
        """Return one page of the users who may call the tool now; raises PolicyStaleError."""
        snapshot = self._policy.snapshot
        tool, moment = self._tool(snapshot, tool_name), self._policy.confirmed_moment()
        allowed = {
            key.user_id
            for key in snapshot.keys.values()
            if (user := snapshot.users.get(key.user_id)) is not None
            and isinstance(decide(snapshot, _principal(user, key), tool, moment), Permit)
        }
        return _users(snapshot).page((snapshot.users[user_id] for user_id in allowed), listing)

    def _key(self, snapshot: Snapshot, user: User, name: str | None) -> ClientKey | None:
        keys = [key for key in snapshot.keys.values() if key.user_id == user.user_id]
        if name is not None:
            named = [key for key in keys if name in {key.name, key.key_id}]
            if not named:
                similar = near(name, [key.name for key in keys])
                raise NotFoundError(f"User {user.name!r} has no key {name!r}{similar}")
            keys = named
        now = self._policy.current_moment().now
        return max(keys, key=lambda key: (key.is_good(now), key.created_at), default=None)

    def _tool(self, snapshot: Snapshot, text: str) -> CapabilityRef:
        name = exact_name(text)
        entry = self._catalog.resolve(CapabilityKind.TOOL, name)
        if entry is not None:
            return entry.ref
        for mcp in snapshot.mcps.values():
            for tool in self._catalog.last_known(mcp.mcp_id):
                if name in {canonical_name(mcp.name, tool.name), f"{mcp.name}:{tool.name}"}:
                    return tool_ref(mcp, tool)
        raise NotFoundError(f"No tool {name!r}{self._catalog.near(name)}")


def _users(snapshot: Snapshot) -> InMemoryList[User]:
    def groups(user: User) -> tuple[str, ...]:
        group_ids = snapshot.group_ids_of.get(user.user_id, ())
        return tuple(snapshot.groups[each].name for each in group_ids if each in snapshot.groups)

    name: Field[User] = Field(lambda user: user.name)
    return InMemoryList(
        noun="user",
        fields={
            "name": name,
            "display_name": Field(lambda user: user.display_name),
            "email": Field(lambda user: user.email),
            "source": Field(lambda user: user.source, values=list(AuthSource)),
            "role": Field(lambda user: user.roles, sorts=False, values=list(Role)),
            "group": Field(groups, sorts=False),
            "owner": Field(lambda user: user.owner),
            "created_at": Field(lambda user: user.created_at, filters=False),
        },
        order=name,
        item_id=lambda user: user.user_id,
    )


def _principal(user: User, key: ClientKey | None) -> Principal:
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id="" if key is None else key.key_id,
        key_name="" if key is None else key.name,
        session_id=None,
    )
