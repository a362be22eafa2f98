"""Answers who may use which capability, and why, with the same function that decides requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ambassador_server.domain.catalog.capabilities import (
    CapabilityKind,
    CapabilityRef,
    prompt_ref,
    resource_ref,
    tool_ref,
)
from ambassador_server.domain.catalog.mcps import DownstreamState, Mcp, ToolClass
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.policy.argument_checks import ARGUMENTS, CallParams
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.policy.explain import Explanation, explain, last_expired_permit
from ambassador_server.domain.policy.grants import Grant, matches_any, matches_any_uri
from ambassador_server.domain.policy.pattern_spelling import PatternError, exact_name, spell_pattern
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.policy.uri_spelling import spell_uri_pattern
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing, Slice
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidInputError, NotFoundError
from ambassador_server.services.administration.missing_credentials import denial_for_lack
from ambassador_server.services.administration.token_access import (
    CLAIMS,
    AskedToken,
    ReachingClaim,
    asked_principal,
    constrained_in,
    meant_groups,
    permitted_by_token,
    reaching_claims,
)
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry
from ambassador_server.services.calls.published_tools import published_tools
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_E = TypeVar("_E", bound=CatalogEntry)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAccess:
    """An explained decision about one user and one capability; `key` is None if the user has no key.

    With a `token` it is about a request that brings one; `claimed` has the group that each of its groups means.
    """

    user: User
    key: ClientKey | None
    token: AskedToken | None
    claimed: Mapping[str, str | None]
    groups: tuple[str, ...]
    """The ids of all groups that the request has, those of the token as well."""
    capability: CapabilityRef
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable(Generic[_E]):
    """Something published that a user may use, and the names of the keys with which that is so.

    `constrained` tells that every one of them permits it with certain arguments only.
    """

    entry: _E
    keys: tuple[str, ...]
    constrained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedUser:
    """A user who may use something; `constrained` tells that certain arguments are demanded.

    With a token of one of `issuers` that is so as well, even if the token names no group. With `expired`, it is a user
    who may not any more, because that grant has expired.
    """

    user: User
    constrained: bool
    issuers: tuple[str, ...] = ()
    expired: Grant | None = None


class AccessQueries:
    """The use cases of administrators for access; they change nothing."""

    def __init__(self, *, policy: PolicyKeeper, catalog: Catalog) -> None:
        self._policy = policy
        self._catalog = catalog

    def explain(
        self,
        user_name: str,
        name: str,
        kind: CapabilityKind = CapabilityKind.TOOL,
        *,
        key_name: str | None = None,
        token: AskedToken | None = None,
        arguments: bytes | None = None,
    ) -> ExplainedAccess:
        """Explain the decision about a request for the capability of this name, or the resource with this URI.

        Raises NotFoundError for a user, key or capability that does not exist. Without `key_name` it is about the
        newest good key of the user, or the newest key if none is good; with `token` it is about such a token.
        `arguments` are those of a call of a tool, as JSON; without them, it is about the arguments that permit most.
        """
        snapshot = self._policy.snapshot
        user = _user(snapshot, user_name)
        moment = self._policy.current_moment()
        key = None if token is not None else self._key(snapshot, user, key_name)
        principal = _principal(user, key) if token is None else asked_principal(snapshot, user, token, moment)
        capability = self._capability(snapshot, kind, name)
        edited = None if arguments is None else self._edited(kind, name, arguments)
        params = CallParams({ARGUMENTS: edited}) if isinstance(edited, bytes) else None
        explanation = explain(snapshot, principal, capability, moment, params)
        if isinstance(edited, Deny) and isinstance(explanation.decision, Permit):
            explanation = replace(explanation, decision=edited)
        if isinstance(explanation.decision, Permit):
            lack = denial_for_lack(snapshot, user.user_id, snapshot.mcps.get(capability.mcp_id))
            explanation = replace(explanation, decision=lack or explanation.decision)
        return ExplainedAccess(
            user=user,
            key=key,
            token=token,
            claimed={} if token is None else meant_groups(snapshot, token),
            groups=snapshot.group_ids_for(principal),
            capability=capability,
            explanation=explanation,
        )

    def who_can(
        self,
        name: str,
        listing: Listing,
        kind: CapabilityKind = CapabilityKind.TOOL,
        *,
        with_expired: bool = False,
    ) -> Slice[PermittedUser]:
        """Return one page of the users who may use the capability now, or one that matches the pattern.

        They may with a key, or with a token, whether or not it names groups; `claims_that_reach` tells about these.
        `with_expired` adds those whose grant for it has expired. Raises NotFoundError if there is no such capability,
        and PolicyStaleError.
        """
        snapshot = self._policy.snapshot
        wanted = self._wanted(snapshot, kind, name)
        moment = self._policy.confirmed_moment()
        found: dict[str, bool] = {}
        for key in snapshot.keys.values():
            user = snapshot.users.get(key.user_id)
            if user is not None and found.get(key.user_id) is not False:
                policy = PrincipalPolicy(snapshot, _principal(user, key), moment)
                constrained = constrained_in(policy, wanted)
                if constrained is not None:
                    found[key.user_id] = constrained
        by_token = permitted_by_token(snapshot, wanted, moment)
        for user_id, permitted in by_token.items():
            found[user_id] = found.get(user_id, True) and permitted.constrained
        users = [
            PermittedUser(
                user=snapshot.users[each],
                constrained=constrained,
                issuers=by_token[each].issuers if each in by_token else (),
            )
            for each, constrained in found.items()
        ]
        if with_expired:
            active = (each for each in snapshot.users.values() if each.status is UserStatus.ACTIVE)
            others = [each for each in active if each.user_id not in found]
            users += [
                PermittedUser(user=user, constrained=False, expired=grant)
                for user in others
                if (grant := last_expired_permit(snapshot, user.user_id, wanted, moment.now)) is not None
            ]
        return _users(snapshot).page(users, listing)

    def claims_that_reach(
        self, name: str, listing: Listing, kind: CapabilityKind = CapabilityKind.TOOL
    ) -> Slice[ReachingClaim]:
        """Return one page of the groups of issuers with which a token may use the capability, or one that matches.

        Raises NotFoundError if there is no such capability, and PolicyStaleError.
        """
        snapshot = self._policy.snapshot
        wanted, moment = self._wanted(snapshot, kind, name), self._policy.confirmed_moment()
        return CLAIMS.page(reaching_claims(snapshot, wanted, moment), listing)

    def tools_of(
        self,
        user_name: str,
        listing: Listing,
        *,
        key_name: str | None = None,
        token: AskedToken | None = None,
    ) -> Slice[Usable[ToolEntry]]:
        """Return one page of the tools that a user may call now, with any key, with this one, or with such a token.

        Raises NotFoundError for a user, key or issuer that does not exist, InvalidInputError for a user whom the issuer
        cannot name, and PolicyStaleError.
        """
        return _TOOLS.page(self._usable(user_name, self._catalog.index().tools, key_name, token), listing)

    def prompts_of(
        self,
        user_name: str,
        listing: Listing,
        *,
        key_name: str | None = None,
        token: AskedToken | None = None,
    ) -> Slice[Usable[CatalogEntry]]:
        """Do the same for prompts."""
        return _PROMPTS.page(self._usable(user_name, self._catalog.index().prompts, key_name, token), listing)

    def resources_of(
        self,
        user_name: str,
        listing: Listing,
        *,
        key_name: str | None = None,
        token: AskedToken | None = None,
    ) -> Slice[Usable[CatalogEntry]]:
        """Do the same for resources and templates of resources."""
        entries = self._catalog.index().of(CapabilityKind.RESOURCE)
        return _RESOURCES.page(self._usable(user_name, entries, key_name, token), listing)

    def _usable(
        self, user_name: str, entries: Iterable[_E], key_name: str | None, token: AskedToken | None
    ) -> list[Usable[_E]]:
        snapshot = self._policy.snapshot
        user = _user(snapshot, user_name)
        moment = self._policy.confirmed_moment()
        if token is None:
            principals = [(key.name, _principal(user, key)) for key in _keys(snapshot, user, key_name)]
        else:
            principals = [("", asked_principal(snapshot, user, token, moment))]
        policies = [(name, PrincipalPolicy(snapshot, each, moment)) for name, each in principals]
        found = []
        for entry in entries:
            decisions = [(name, policy.decide(entry.ref)) for name, policy in policies]
            permits = [(name, each) for name, each in decisions if isinstance(each, Permit)]
            if permits:
                names = tuple(sorted({name for name, _ in permits if name}))
                constrained = all(each.constrained for _, each in permits)
                found.append(Usable(entry=entry, keys=names, constrained=constrained))
        return found

    def _wanted(self, snapshot: Snapshot, kind: CapabilityKind, name: str) -> list[CapabilityRef]:
        return self._matching(kind, name) if "*" in name else [self._capability(snapshot, kind, name)]

    def _matching(self, kind: CapabilityKind, pattern: str) -> list[CapabilityRef]:
        is_uri = kind is CapabilityKind.RESOURCE
        try:
            spelt = spell_uri_pattern(pattern) if is_uri else spell_pattern(pattern)
        except PatternError as error:
            raise InvalidInputError(f"{kind}: the pattern {error}") from None
        matches = matches_any_uri if is_uri else matches_any
        refs = [entry.ref for entry in self._catalog.index().of(kind)]
        found = [ref for ref in refs if matches((spelt,), ref.name)]
        if not found:
            raise NotFoundError(f"No published {kind} matches {pattern!r}{self._catalog.near(pattern, kind)}")
        return found

    def _key(self, snapshot: Snapshot, user: User, name: str | None) -> ClientKey | None:
        keys = _keys(snapshot, user, name)
        now = self._policy.current_moment().now
        return max(keys, key=lambda key: (key.is_good(now), key.created_at), default=None)

    def _edited(self, kind: CapabilityKind, name: str, arguments: bytes) -> bytes | Deny:
        """Return the arguments that the downstream would get."""
        entry = self._catalog.resolve(kind, exact_name(name))
        return arguments if entry is None or entry.edits is None else entry.edits.edited(arguments)

    def _capability(self, snapshot: Snapshot, kind: CapabilityKind, text: str) -> CapabilityRef:
        is_uri = kind is CapabilityKind.RESOURCE
        name = text if is_uri else exact_name(text)
        entry = self._catalog.index().templates_by_name.get(name) if is_uri else None
        entry = entry or self._catalog.resolve(kind, name)
        if entry is not None:
            return entry.ref
        for mcp in snapshot.mcps.values():
            for ref in _offered(mcp, self._catalog.state(mcp.mcp_id), kind):
                if name in {ref.name, ref.name.replace(f"{mcp.name}.", f"{mcp.name}:", 1)}:
                    return ref
        if kind is CapabilityKind.TOOL and self._catalog.own.has(self._catalog.index(), name):
            raise NotFoundError(
                f"{name!r} is no tool of an MCP: the server serves it, and decides about each tool that it calls. "
                "Ask about these."
            )
        raise NotFoundError(f"No {kind} {name!r}{self._catalog.near(name, kind)}")


def _offered(mcp: Mcp, state: DownstreamState, kind: CapabilityKind) -> Iterable[CapabilityRef]:
    match kind:
        case CapabilityKind.TOOL:
            return (tool_ref(mcp, each.tool) for each in published_tools(mcp, state.tools))
        case CapabilityKind.PROMPT:
            return (prompt_ref(mcp, prompt.name) for prompt in state.prompts)
        case CapabilityKind.RESOURCE:
            uris = [each.uri for each in state.resources]
            return (
                resource_ref(mcp, uri) for uri in [*uris, *(each.uri_template for each in state.templates)]
            )


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


def _list_of(noun: str, name: str, **more: Field[Usable[_E]]) -> InMemoryList[Usable[_E]]:
    by_name: Field[Usable[_E]] = Field(lambda found: found.entry.ref.name)
    return InMemoryList(
        noun=noun,
        fields={
            name: by_name,
            "mcp": Field(lambda found: found.entry.mcp_name),
            "published_as": Field(lambda found: found.entry.published),
            **more,
            "key": Field(lambda found: found.keys, sorts=False),
        },
        order=by_name,
        item_id=lambda found: found.entry.published,
    )


_TOOL_CLASS: Field[Usable[ToolEntry]] = Field(
    lambda found: found.entry.tool.tool_class, values=list(ToolClass)
)
_TOOLS = _list_of("tool", "tool", tool_class=_TOOL_CLASS)
_PROMPTS: InMemoryList[Usable[CatalogEntry]] = _list_of("prompt", "prompt")
_RESOURCES: InMemoryList[Usable[CatalogEntry]] = _list_of("resource", "uri")


def _users(snapshot: Snapshot) -> InMemoryList[PermittedUser]:
    def groups(found: PermittedUser) -> tuple[str, ...]:
        group_ids = snapshot.group_ids_of.get(found.user.user_id, ())
        return tuple(snapshot.groups[each].name for each in group_ids if each in snapshot.groups)

    name: Field[PermittedUser] = Field(lambda found: found.user.name)
    return InMemoryList(
        noun="user",
        fields={
            "name": name,
            "display_name": Field(lambda found: found.user.display_name),
            "email": Field(lambda found: found.user.email),
            "source": Field(lambda found: found.user.source, values=list(AuthSource)),
            "role": Field(lambda found: found.user.roles, sorts=False, values=list(Role)),
            "group": Field(groups, sorts=False),
            "owner": Field(lambda found: found.user.owner),
            "created_at": Field(lambda found: found.user.created_at, filters=False),
        },
        order=name,
        item_id=lambda found: found.user.user_id,
    )


def _principal(user: User, key: ClientKey | None) -> Principal:
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id="" if key is None else key.key_id,
        key_name="" if key is None else key.name,
        session_id=None,
    )
