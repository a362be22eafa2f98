"""Answers who may call which tool, and why, with the same function that decides calls."""

from collections.abc import Iterable
from dataclasses import dataclass

from ambassador_server.domain.catalog.capabilities import CapabilityRef, tool_ref
from ambassador_server.domain.catalog.mcps import ToolClass, canonical_name
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import AuthSource, User
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.explain import Explanation, explain
from ambassador_server.domain.policy.grants import matches_any
from ambassador_server.domain.policy.pattern_spelling import PatternError, exact_name, spell_pattern
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing, Slice
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidInputError, NotFoundError
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import ToolEntry
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAccess:
    """An explained decision about one user and one tool; `key` is None if the user has no key."""

    user: User
    key: ClientKey | None
    mcp_id: str
    tool: str
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableTool:
    """A published tool that a user may call, and the names of the keys with which that is so."""

    entry: ToolEntry
    keys: tuple[str, ...]


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
        user = _user(snapshot, user_name)
        key = self._key(snapshot, user, key_name)
        tool = self._tool(snapshot, tool_name)
        return ExplainedAccess(
            user=user,
            key=key,
            mcp_id=tool.mcp_id,
            tool=tool.name,
            explanation=explain(snapshot, _principal(user, key), tool, self._policy.current_moment()),
        )

    def who_can(self, tool_name: str, listing: Listing) -> Slice[User]:
        """Return one page of the users who may call the tool now, or a tool that matches the pattern.

        Raises NotFoundError if there is none, and PolicyStaleError.
        """
        snapshot = self._policy.snapshot
        is_pattern = "*" in tool_name
        tools = self._matching(tool_name) if is_pattern else [self._tool(snapshot, tool_name)]
        moment = self._policy.confirmed_moment()
        allowed = {
            key.user_id
            for key in snapshot.keys.values()
            if (user := snapshot.users.get(key.user_id)) is not None
            and _permitted(PrincipalPolicy(snapshot, _principal(user, key), moment), tools)
        }
        return _users(snapshot).page((snapshot.users[user_id] for user_id in allowed), listing)

    def tools_of(
        self, user_name: str, listing: Listing, *, key_name: str | None = None
    ) -> Slice[CallableTool]:
        """Return one page of the tools that a user may call now, with any key or with this one.

        Raises NotFoundError for a user or key that does not exist, and PolicyStaleError.
        """
        snapshot = self._policy.snapshot
        user = _user(snapshot, user_name)
        keys = _keys(snapshot, user, key_name)
        moment = self._policy.confirmed_moment()
        policies = [(key.name, PrincipalPolicy(snapshot, _principal(user, key), moment)) for key in keys]
        found = (
            CallableTool(
                entry=entry,
                keys=tuple(
                    sorted(
                        {name for name, policy in policies if isinstance(policy.decide(entry.ref), Permit)}
                    )
                ),
            )
            for entry in self._catalog.index().tools
        )
        return _tools().page((tool for tool in found if tool.keys), listing)

    def _matching(self, pattern: str) -> list[CapabilityRef]:
        try:
            spelt = spell_pattern(pattern)
        except PatternError as error:
            raise InvalidInputError(f"tool: the pattern {error}") from None
        refs = [entry.ref for entry in self._catalog.index().tools]
        found = [ref for ref in refs if matches_any((spelt,), ref.name)]
        if not found:
            raise NotFoundError(f"No published tool matches {pattern!r}{self._catalog.near(pattern)}")
        return found

    def _key(self, snapshot: Snapshot, user: User, name: str | None) -> ClientKey | None:
        keys = _keys(snapshot, user, name)
        now = self._policy.current_moment().now
        return max(keys, key=lambda key: (key.is_good(now), key.created_at), default=None)

    def _tool(self, snapshot: Snapshot, text: str) -> CapabilityRef:
        name = exact_name(text)
        entry = self._catalog.tool(name)
        if entry is not None:
            return entry.ref
        for mcp in snapshot.mcps.values():
            for tool in self._catalog.last_known(mcp.mcp_id):
                if name in {canonical_name(mcp.name, tool.name), f"{mcp.name}:{tool.name}"}:
                    return tool_ref(mcp, tool)
        raise NotFoundError(f"No tool {name!r}{self._catalog.near(name)}")


def _user(snapshot: Snapshot, name: str) -> User:
    user = next((user for user in snapshot.users.values() if user.name == name), None)
    if user is None:
        names = [each.name for each in snapshot.users.values()]
        raise NotFoundError(f"No user {name!r}{near(name, names)}")
    return user


def _keys(snapshot: Snapshot, user: User, name: str | None) -> list[ClientKey]:
    keys = [key for key in snapshot.keys.values() if key.user_id == user.user_id]
    if name is None:
        return keys
    named = [key for key in keys if name in {key.name, key.key_id}]
    if not named:
        similar = near(name, [key.name for key in keys])
        raise NotFoundError(f"User {user.name!r} has no key {name!r}{similar}")
    return named


def _permitted(policy: PrincipalPolicy, tools: Iterable[CapabilityRef]) -> bool:
    return any(isinstance(policy.decide(tool), Permit) for tool in tools)


def _tools() -> InMemoryList[CallableTool]:
    name: Field[CallableTool] = Field(lambda found: found.entry.ref.name)
    return InMemoryList(
        noun="tool",
        fields={
            "tool": name,
            "mcp": Field(lambda found: found.entry.mcp_name),
            "published_as": Field(lambda found: found.entry.published),
            "tool_class": Field(lambda found: found.entry.tool.tool_class, values=list(ToolClass)),
            "key": Field(lambda found: found.keys, sorts=False),
        },
        order=name,
        item_id=lambda found: found.entry.published,
    )


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
