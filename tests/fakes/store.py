"""A store in memory that behaves like the databases; `tests/conformance/test_store.py` checks that."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.people.administrators import AdminKey, Password
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.credentials import StoredSecret, UserCredential
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group, Membership
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.approval_requests import OPEN, ApprovalRequest, RequestStatus
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.incremental_index import collect
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import ConflictError, NotFoundError, StorageError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.storage.value_checks import (
    check_item,
    check_key,
    check_listing,
    check_value,
    encode_json,
)
from tests.fakes.audit_anchors import InMemoryAnchors
from tests.fakes.audit_index import AuditState, InMemoryAuditIndex
from tests.fakes.audit_sink_positions import InMemorySinkPositions
from tests.fakes.credential_secrets import InMemorySecrets
from tests.fakes.listing import is_open, stored_list
from tests.fakes.oauth_records import PendingQueries, RegistrationQueries
from tests.fakes.policy_changes import MEMBERSHIPS, POLICY_NOUNS, TouchedByVersion
from tests.fakes.sealed_rows import InMemorySealedRows

T = TypeVar("T", bound=Any)

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class _State:
    """Everything that is committed; a transaction works on a copy."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    memberships: dict[tuple[str, str], str | None] = field(default_factory=dict)
    tools: dict[str, tuple[Tool, ...]] = field(default_factory=dict)
    definitions: dict[str, tuple[Tool, ...]] = field(default_factory=dict)
    audit: AuditState = field(default_factory=AuditState)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    sink_positions: dict[tuple[str, str, str], LogPosition] = field(default_factory=dict)
    secrets: dict[tuple[str, str], StoredSecret] = field(default_factory=dict)
    version: int = 0
    touched: TouchedByVersion = field(default_factory=TouchedByVersion)

    def copy(self) -> "_State":
        return replace(
            self,
            tables={name: dict(table) for name, table in self.tables.items()},
            memberships=dict(self.memberships),
            tools=dict(self.tools),
            definitions=dict(self.definitions),
            audit=self.audit.copy(),
            anchors=dict(self.anchors),
            sink_positions=dict(self.sink_positions),
            secrets=dict(self.secrets),
        )

    def table(self, name: str) -> dict[str, Any]:
        return self.tables.setdefault(name, {})

    def drop_what_belongs_to(self, id_field: str, item_id: str) -> set[tuple[str, str]]:
        """Delete as `ON DELETE CASCADE` does, and return the nouns and ids of what is gone."""
        gone: set[tuple[str, str]] = set()
        for noun, table in self.tables.items():
            if noun == "request" and id_field not in {"user_id", "mcp_id"}:
                continue  # it names its key and its grant, and outlives them
            for key, item in tuple(table.items()):
                if getattr(item, id_field, None) == item_id:
                    del table[key]
                    gone.add((noun, key))
        for noun, key in tuple(gone):
            if noun == "client key":
                gone |= self.drop_what_belongs_to("key_id", key)
        credentials = (
            {item_id} if id_field == "credential_id" else {k for noun, k in gone if noun == "credential"}
        )
        self.secrets = {key: each for key, each in self.secrets.items() if key[0] not in credentials}
        if id_field == "mcp_id":
            self.tools.pop(item_id, None)
            self.definitions.pop(item_id, None)
        place = {"user_id": 0, "group_id": 1}.get(id_field)
        if place is not None:
            gone |= {(MEMBERSHIPS, pair[0]) for pair in self.memberships if pair[place] == item_id}
            self.memberships = {
                pair: owner for pair, owner in self.memberships.items() if pair[place] != item_id
            }
        return gone


class _Transaction:
    def __init__(self, state: _State, *, writes: bool) -> None:
        self._state = state
        self._writes = writes
        self._version = state.version
        self.open = True

    def reading(self) -> _State:
        if not self.open:
            raise StorageError("This unit of work is over.")
        return self._state

    def writing(self) -> _State:
        state = self.reading()
        if not self._writes:
            raise StorageError("This unit of work only reads.")
        return state

    def policy_changed(self, noun: str, item_id: str) -> None:
        """Raise the version and note what was touched."""
        self._state.version = self._version + 1
        self._state.touched = self._state.touched.noted(self._state.version, noun, item_id)


@dataclass(frozen=True)
class _Kind:
    """One kind of object; `owners` names the field and the table of each thing it belongs to."""

    noun: str
    id_field: str
    owners: Mapping[str, str] = field(default_factory=dict)
    owner_words: str = ""
    is_named: bool = False
    is_policy: bool = True
    pair: tuple[str, str] | None = None


class _Repository(Generic[T]):
    def __init__(self, transaction: _Transaction, kind: _Kind) -> None:
        self._transaction = transaction
        self._kind = kind

    async def add(self, item: T) -> None:
        check_item(item)
        state = self._transaction.writing()
        if self._id(item) in state.table(self._kind.noun):
            raise ConflictError(f"{self._label(item)} exists already.")
        self._store(state, item)

    async def replace(self, item: T) -> None:
        check_item(item)
        state = self._transaction.writing()
        if self._id(item) not in state.table(self._kind.noun):
            raise NotFoundError(f"{self._label(item)} does not exist.")
        self._store(state, item)

    async def remove(self, item_id: str) -> None:
        check_key(item_id, "The id")
        state = self._transaction.writing()
        if state.table(self._kind.noun).pop(item_id, None) is None:
            raise NotFoundError(f"{self._kind.noun} {item_id!r} does not exist.")
        self._changed(item_id)
        if self._kind.id_field in self._kind.owners:
            return  # a password has the id of its user, and owns nothing
        for noun, each in state.drop_what_belongs_to(self._kind.id_field, item_id):
            if noun in POLICY_NOUNS:
                self._transaction.policy_changed(noun, each)

    async def get(self, item_id: str) -> T | None:
        check_key(item_id, "The id")
        return self._all().get(item_id)

    async def all(self) -> list[T]:
        return sorted(self._all().values(), key=self._order)

    async def of(self, **owners: str) -> list[T]:
        for name, owner_id in owners.items():
            check_key(owner_id, f"The {name}")
        return [
            item
            for item in await self.all()
            if all(getattr(item, name) == owner_id for name, owner_id in owners.items())
        ]

    async def page(self, listing: Listing) -> Slice[T]:
        check_listing(listing)
        state = self._transaction.reading()
        listed = stored_list(
            self._kind.noun, self._kind.id_field, state.table, state.memberships, listing.now
        )
        return listed.page((item for item in self._all().values() if is_open(item, listing)), listing)

    def _all(self) -> dict[str, T]:
        return self._transaction.reading().table(self._kind.noun)

    def _store(self, state: _State, item: T) -> None:
        table = state.table(self._kind.noun)
        if self._kind.is_named and any(
            other.name == item.name and self._id(other) != self._id(item) for other in table.values()
        ):
            raise ConflictError(f"{self._label(item)} exists already.")
        if self._kind.pair is not None and any(
            self._pair(other) == self._pair(item) and self._id(other) != self._id(item)
            for other in table.values()
        ):
            raise ConflictError(f"{self._label(item)} exists already.")
        for name, owner in self._kind.owners.items():
            if getattr(item, name) not in {*state.table(owner), None}:
                raise ConflictError(f"{self._label(item)} refers to an unknown {self._kind.owner_words}.")
        table[self._id(item)] = _as_stored(item)
        self._changed(self._id(item))

    def _changed(self, item_id: str) -> None:
        if self._kind.is_policy:
            self._transaction.policy_changed(self._kind.noun, item_id)

    def _id(self, item: T) -> str:
        return str(getattr(item, self._kind.id_field))

    def _pair(self, item: T) -> tuple[Any, ...]:
        return tuple(getattr(item, name) for name in self._kind.pair or ())

    def _label(self, item: T) -> str:
        return f"{self._kind.noun} {getattr(item, 'name', None) or self._id(item)!r}"

    def _order(self, item: T) -> tuple[Any, ...]:
        if self._kind.is_named:
            return (item.name,)
        return (getattr(item, "created_at", NEVER), self._id(item))


class _NamedRepository(_Repository[T]):
    async def by_name(self, name: str) -> T | None:
        check_key(name, "The name")
        return next((item for item in self._all().values() if item.name == name), None)

    async def names(self) -> list[str]:
        return [item.name for item in await self.all()]


class _ScimResources(_Repository[ScimResource]):
    async def add(self, item: ScimResource) -> None:
        self._check_name(item)
        await super().add(item)

    async def replace(self, item: ScimResource) -> None:
        self._check_name(item)
        await super().replace(item)

    def _check_name(self, item: ScimResource) -> None:
        for each in self._all().values():
            same = (each.issuer_id, each.kind, each.name_key) == (item.issuer_id, item.kind, item.name_key)
            if same and each.resource_id != item.resource_id:
                raise ConflictError(f"{self._label(item)} exists already.")

    async def count(self, issuer_id: str, kind: ScimKind) -> int:
        return len(await self._of(issuer_id, kind))

    async def window(self, issuer_id: str, kind: ScimKind, *, start: int, limit: int) -> list[ScimResource]:
        found = sorted(await self._of(issuer_id, kind), key=lambda each: each.name_key)
        return found[start : start + limit]

    async def user_names(self, issuer_id: str, user_ids: Collection[str]) -> dict[str, str]:
        for each in user_ids:
            check_key(each, "The id")
        described = {each.resource_id for each in await self._of(issuer_id, ScimKind.USER)}
        users = self._transaction.reading().table("user")
        return {each: users[each].name for each in {*user_ids} & described & users.keys()}

    async def _of(self, issuer_id: str, kind: ScimKind) -> list[ScimResource]:
        check_key(issuer_id, "The issuer_id")
        return [each for each in await self.all() if (each.issuer_id, each.kind) == (issuer_id, kind)]


class _AdminKeys(_NamedRepository[AdminKey]):
    async def by_prefix(self, prefix: str) -> list[AdminKey]:
        check_key(prefix, "The prefix")
        return [key for key in await self.all() if key.prefix == prefix]

    async def forget_logins(self, before: datetime) -> int:
        check_value(before, "before")
        keys = self._transaction.writing().table(self._kind.noun)
        over = [
            key.admin_key_id
            for key in keys.values()
            if key.is_login and min(key.expires_at or before, key.revoked_at or before) < before
        ]
        for key_id in over:
            del keys[key_id]
        return len(over)


class _Memberships:
    def __init__(self, transaction: _Transaction) -> None:
        self._transaction = transaction

    async def add(self, membership: Membership) -> None:
        check_item(membership)
        state = self._transaction.writing()
        user, group = self._names(membership)
        if (membership.user_id, membership.group_id) in state.memberships:
            raise ConflictError(f"user {user!r} is in group {group!r} already.")
        if membership.user_id not in state.table("user") or membership.group_id not in state.table("group"):
            raise ConflictError(f"user {user!r} cannot be in group {group!r}: one of them does not exist.")
        state.memberships[membership.user_id, membership.group_id] = membership.owner
        self._transaction.policy_changed(MEMBERSHIPS, membership.user_id)

    async def remove(self, membership: Membership) -> None:
        check_item(membership)
        state = self._transaction.writing()
        pair = (membership.user_id, membership.group_id)
        if pair not in state.memberships:
            user, group = self._names(membership)
            raise NotFoundError(f"user {user!r} is not in group {group!r}.")
        del state.memberships[pair]
        self._transaction.policy_changed(MEMBERSHIPS, membership.user_id)

    async def get(self, user_id: str, group_id: str) -> Membership | None:
        check_key(user_id, "The id")
        check_key(group_id, "The id")
        found = self._transaction.reading().memberships
        if (user_id, group_id) not in found:
            return None
        return Membership(user_id=user_id, group_id=group_id, owner=found[user_id, group_id])

    async def all(self) -> list[Membership]:
        found = sorted(self._transaction.reading().memberships.items())
        return [
            Membership(user_id=user_id, group_id=group_id, owner=owner)
            for (user_id, group_id), owner in found
        ]

    async def of(self, *, user_id: str | None = None, group_id: str | None = None) -> list[Membership]:
        for each in (user_id, group_id):
            if each is not None:
                check_key(each, "The id")
        return [
            each
            for each in await self.all()
            if user_id in {None, each.user_id} and group_id in {None, each.group_id}
        ]

    async def groups_by_user(self) -> dict[str, tuple[str, ...]]:
        return collect(sorted(self._transaction.reading().memberships))

    async def add_all(self, group_id: str, user_ids: Collection[str]) -> None:
        for each in (group_id, *user_ids) if user_ids else ():
            check_key(each, "The id")
        state = self._transaction.writing()
        users, groups = state.table("user"), state.table("group")
        for each in user_ids:
            if (each, group_id) in state.memberships or each not in users or group_id not in groups:
                raise ConflictError("A user is in this group already, or the group or a user does not exist.")
        for each in user_ids:
            state.memberships[each, group_id] = None
            self._transaction.policy_changed(MEMBERSHIPS, each)

    async def remove_all(self, group_id: str, user_ids: Collection[str]) -> None:
        leaving = list(await self.names(group_id, user_ids))
        for each in leaving:
            del self._transaction.writing().memberships[each, group_id]
            self._transaction.policy_changed(MEMBERSHIPS, each)

    async def names(self, group_id: str, among: Collection[str] | None = None) -> dict[str, str]:
        for each in (group_id, *(among or ())):
            check_key(each, "The id")
        users = self._transaction.reading().table("user")
        inside = [each.user_id for each in await self.of(group_id=group_id)]
        return {each: users[each].name for each in inside if among is None or each in among}

    async def sizes(self, group_ids: Collection[str]) -> dict[str, int]:
        return {group_id: len(users) for group_id, users in (await self.members_of(group_ids)).items()}

    async def members_of(self, group_ids: Collection[str]) -> dict[str, list[str]]:
        found = {group_id: await self.of(group_id=group_id) for group_id in sorted(group_ids)}
        return {group_id: [each.user_id for each in inside] for group_id, inside in found.items() if inside}

    async def described_groups_of(
        self, user_ids: Collection[str], provisioner: str
    ) -> dict[str, list[tuple[str, str]]]:
        check_key(provisioner, "The provisioner")
        groups = self._transaction.reading().table("group")
        found: dict[str, list[tuple[str, str]]] = {}
        for user_id in sorted(user_ids):
            for each in await self.of(user_id=user_id):
                if groups[each.group_id].provisioner == provisioner:
                    found.setdefault(user_id, []).append((each.group_id, groups[each.group_id].name))
        return found

    def _names(self, membership: Membership) -> tuple[str, str]:
        state = self._transaction.reading()
        user = state.table("user").get(membership.user_id)
        group = state.table("group").get(membership.group_id)
        return user.name if user else membership.user_id, group.name if group else membership.group_id


class _ToolLists:
    def __init__(
        self, transaction: _Transaction, select: Callable[[_State], dict[str, tuple[Tool, ...]]]
    ) -> None:
        self._transaction = transaction
        self._select = select

    async def put(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        check_key(mcp_id, "The id")
        state = self._transaction.writing()
        if mcp_id not in state.table("MCP"):
            raise ConflictError(f"The tools refer to an unknown MCP {mcp_id!r}.")
        self._select(state)[mcp_id] = tuple(tools)

    async def get(self, mcp_id: str) -> tuple[Tool, ...]:
        check_key(mcp_id, "The id")
        return self._select(self._transaction.reading()).get(mcp_id, ())

    async def all(self) -> dict[str, tuple[Tool, ...]]:
        return dict(self._select(self._transaction.reading()))


class _ClientKeys(_Repository[ClientKey]):
    async def touch(self, key_id: str, *, at: datetime, host: str) -> None:
        check_key(key_id, "The id")
        check_value(at, "at")
        check_value(host, "host")
        keys = self._transaction.writing().table(self._kind.noun)
        if key_id in keys:
            keys[key_id] = replace(keys[key_id], last_used_at=at, last_host=host)


class _Enrolments(_Repository[Enrolment]):
    async def by_digest(self, digest: bytes) -> Enrolment | None:
        return next((each for each in self._all().values() if each.digest == digest), None)

    async def forget(self, before: datetime) -> int:
        check_value(before, "before")
        enrolments = self._transaction.writing().table(self._kind.noun)
        over = [key for key, each in enrolments.items() if each.expires_at < before]
        for key in over:
            del enrolments[key]
        return len(over)


class _Sessions(_Repository[Session]):
    async def touch(self, session_id: str, *, seen_at: datetime, expires_at: datetime) -> None:
        check_key(session_id, "The id")
        check_value(seen_at, "seen_at")
        check_value(expires_at, "expires_at")
        sessions = self._transaction.writing().table(self._kind.noun)
        session = sessions.get(session_id)
        if session is not None and session.is_open(seen_at):
            sessions[session_id] = replace(session, last_seen_at=seen_at, expires_at=expires_at)

    async def end(self, session_id: str, *, at: datetime, reason: str) -> bool:
        check_key(session_id, "The id")
        check_value(at, "at")
        check_value(reason, "reason")
        sessions = self._transaction.writing().table(self._kind.noun)
        session = sessions.get(session_id)
        if session is None or session.ended_at is not None:
            return False
        sessions[session_id] = replace(session, ended_at=at, end_reason=reason)
        return True

    async def ended_since(self, at: datetime) -> list[Session]:
        check_value(at, "at")
        ended = [
            (each.ended_at, each.session_id, each)
            for each in self._all().values()
            if each.ended_at is not None
        ]
        return [session for when, _, session in sorted(ended, key=lambda found: found[:2]) if when >= at]

    async def expired(self, now: datetime) -> list[Session]:
        check_value(now, "now")
        over = [
            (each.expires_at, each.session_id, each)
            for each in self._all().values()
            if each.ended_at is None and each.expires_at <= now
        ]
        return [session for _, _, session in sorted(over, key=lambda found: found[:2])][:500]

    async def forget(self, before: datetime) -> int:
        check_value(before, "before")
        sessions = self._transaction.writing().table(self._kind.noun)
        over = [
            session_id
            for session_id, session in sessions.items()
            if session.expires_at < before or (session.ended_at is not None and session.ended_at < before)
        ]
        for session_id in over:
            del sessions[session_id]
        return len(over)

    async def open_sessions(self, now: datetime) -> list[Session]:
        check_value(now, "now")
        found = [session for session in self._all().values() if session.is_open(now)]
        return sorted(found, key=self._order, reverse=True)


class _ApprovalRequests(_Repository[ApprovalRequest]):
    async def move(self, before: ApprovalRequest, after: ApprovalRequest, *, now: datetime | None) -> bool:
        check_item(after)
        check_value(now, "now")
        table = self._transaction.writing().table(self._kind.noun)
        stored = table.get(before.request_id)
        if stored is None or (stored.status, stored.rounds) != (before.status, before.rounds):
            return False
        if now is not None and stored.expires_at is not None and stored.expires_at <= now:
            return False
        table[before.request_id] = _as_stored(after)
        return True

    async def with_digest(self, *, user_id: str, digest: str, limit: int) -> list[ApprovalRequest]:
        check_key(user_id, "The id")
        check_key(digest, "The digest")
        newest_first = reversed(await self.all())
        return [each for each in newest_first if (each.user_id, each.digest) == (user_id, digest)][:limit]

    async def count_pending(self, now: datetime, *, user_id: str | None = None) -> int:
        check_value(now, "now")
        pending = [each for each in await self.all() if each.status_at(now) is RequestStatus.PENDING]
        return sum(user_id in {None, each.user_id} for each in pending)

    async def count_cancelled(self, since: datetime, *, user_id: str) -> int:
        check_value(since, "since")
        check_key(user_id, "The id")
        made = [each for each in await self.all() if each.user_id == user_id and each.created_at >= since]
        return sum(each.status is RequestStatus.CANCELLED for each in made)

    async def over(self, now: datetime, *, limit: int) -> list[ApprovalRequest]:
        check_value(now, "now")
        found = [
            (each.expires_at, each.request_id, each)
            for each in self._all().values()
            if each.status in OPEN and each.expires_at is not None and each.expires_at <= now
        ]
        return [each for _, _, each in sorted(found, key=lambda one: one[:2])][:limit]

    async def forget(self, before: datetime) -> int:
        check_value(before, "before")
        table = self._transaction.writing().table(self._kind.noun)
        old = [key for key, each in table.items() if each.created_at < before and each.expires_at is None]
        for key in old:
            del table[key]
        return len(old)


class _UsedOnce(_Repository[UsedOnce]):
    async def forget(self, before: datetime) -> int:
        check_value(before, "before")
        table = self._transaction.writing().table(self._kind.noun)
        old = [key for key, each in table.items() if each.expires_at < before]
        for key in old:
            del table[key]
        return len(old)


class _Registrations(_Repository[StoredRegistration], RegistrationQueries):
    def _table(self, *, writing: bool) -> dict[str, Any]:
        state = self._transaction.writing() if writing else self._transaction.reading()
        return state.table(self._kind.noun)


class _Pending(_Repository[PendingConnection], PendingQueries):
    def _table(self, *, writing: bool) -> dict[str, Any]:
        state = self._transaction.writing() if writing else self._transaction.reading()
        return state.table(self._kind.noun)

    def _store(self, state: _State, item: PendingConnection) -> None:
        same = [
            other
            for other in state.table(self._kind.noun).values()
            if other.state_digest == item.state_digest and other.pending_id != item.pending_id
        ]
        if item.state_digest is not None and same:
            raise ConflictError(f"{self._label(item)} exists already.")
        super()._store(state, item)


class InMemoryUnitOfWork:
    """The repositories of one transaction in memory."""

    def __init__(self, transaction: _Transaction) -> None:
        self._transaction = transaction
        self.users = _NamedRepository[User](transaction, _Kind("user", "user_id", is_named=True))
        self.groups = _NamedRepository[Group](transaction, _Kind("group", "group_id", is_named=True))
        self.memberships = _Memberships(transaction)
        self.keys = _ClientKeys(transaction, _Kind("client key", "key_id", {"user_id": "user"}, "user"))
        self.enrolments = _Enrolments(
            transaction,
            _Kind(
                "enrolment",
                "enrolment_id",
                {"user_id": "user"},
                "user",
                is_policy=False,
                pair=("digest", "digest"),
            ),
        )
        self.mcps = _NamedRepository[Mcp](transaction, _Kind("MCP", "mcp_id", is_named=True))
        self.tools = _ToolLists(transaction, lambda state: state.tools)
        self.approved = _Repository[ApprovedTools](
            transaction, _Kind("approved tools", "mcp_id", {"mcp_id": "MCP"}, "MCP")
        )
        self.approved_definitions = _ToolLists(transaction, lambda state: state.definitions)
        self.grants = _Repository[Grant](
            transaction,
            _Kind(
                "grant",
                "grant_id",
                {"group_id": "group", "user_id": "user", "mcp_id": "MCP"},
                "group, user or MCP",
            ),
        )
        self.requests = _ApprovalRequests(
            transaction,
            _Kind(
                "request",
                "request_id",
                {"user_id": "user", "mcp_id": "MCP"},
                "user or MCP",
                is_policy=False,
            ),
        )
        self.subscriptions = _Repository[Subscription](
            transaction,
            _Kind(
                "subscription",
                "subscription_id",
                {"key_id": "client key", "mcp_id": "MCP"},
                "client key or MCP",
                pair=("key_id", "mcp_id"),
            ),
        )
        self.credentials = _Repository[UserCredential](
            transaction,
            _Kind(
                "credential",
                "credential_id",
                {"user_id": "user", "mcp_id": "MCP"},
                "user or MCP",
                pair=("user_id", "mcp_id"),
            ),
        )
        self.secrets = InMemorySecrets(
            reading=lambda: transaction.reading().secrets,
            writing=lambda: transaction.writing().secrets,
            credentials=lambda: transaction.reading().table("credential"),
        )
        self.registrations = _Registrations(
            transaction,
            _Kind(
                "registration",
                "registration_id",
                {"mcp_id": "MCP"},
                "MCP",
                is_policy=False,
                pair=("mcp_id", "issuer"),
            ),
        )
        self.pending = _Pending(
            transaction,
            _Kind(
                "begun connection",
                "pending_id",
                {"user_id": "user", "mcp_id": "MCP"},
                "user or MCP",
                is_policy=False,
            ),
        )
        self.sealed = InMemorySealedRows(
            secrets=lambda: transaction.reading().secrets,
            table=lambda noun: transaction.reading().table(noun),
            writing=transaction.writing,
        )
        self.switches = _Repository[KillSwitch](transaction, _Kind("kill switch", "switch_id"))
        self.issuers = _NamedRepository[Issuer](transaction, _Kind("issuer", "issuer_id", is_named=True))
        self.scim = _ScimResources(
            transaction,
            _Kind("SCIM resource", "resource_id", {"issuer_id": "issuer"}, "issuer", is_policy=False),
        )
        self.limits = _NamedRepository[Limit](transaction, _Kind("limit", "limit_id", is_named=True))
        owners = {"user_id": "user", "key_id": "client key"}
        self.used_once = _UsedOnce(transaction, _Kind("single use", "use_id", is_policy=False))
        self.sessions = _Sessions(
            transaction, _Kind("session", "session_id", owners, "user or client key", is_policy=False)
        )
        self.admin_keys = _AdminKeys(
            transaction,
            _Kind("admin key", "admin_key_id", {"user_id": "user"}, "user", is_named=True, is_policy=False),
        )
        self.passwords = _Repository[Password](
            transaction, _Kind("password", "user_id", {"user_id": "user"}, "user", is_policy=False)
        )
        self.audit = InMemoryAuditIndex(
            reading=lambda: transaction.reading().audit, writing=lambda: transaction.writing().audit
        )
        self.anchors = InMemoryAnchors(
            reading=lambda: transaction.reading().anchors, writing=lambda: transaction.writing().anchors
        )
        self.sink_positions = InMemorySinkPositions(
            reading=lambda: transaction.reading().sink_positions,
            writing=lambda: transaction.writing().sink_positions,
        )

    async def policy_version(self) -> int:
        """Return the policy version as this transaction sees it."""
        return self._transaction.reading().version

    async def changes_since(self, version: int) -> PolicyChanges | None:
        """Return the changes since a version; None if everything must be read."""
        state = self._transaction.reading()
        return state.touched.since(version, state.version, state.tables, state.memberships)


class InMemoryStore:
    """Transactions work on a copy, which takes the place of the original when they commit.

    While `answers` is not set, the store hangs: no transaction begins.
    """

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self._state = _State()
        self._on_disk = self._state
        self._turn = asyncio.Lock()
        self._closed = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Open a consistent view for reading."""
        await self._reach()
        async with self._over(_Transaction(self._state, writes=False)) as work:
            yield work

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[UnitOfWork]:
        """Open a transaction; one writer at a time."""
        async with self._turn:
            await self._reach()
            state = self._state.copy()
            async with self._over(_Transaction(state, writes=True)) as work:
                yield work
            self._state = state
            if durable:
                self._on_disk = state

    def power_cut(self) -> None:
        """Lose all commits that need not be on the disk."""
        self._state = self._on_disk

    async def close(self) -> None:
        """Refuse every unit of work from now on."""
        self._closed = True

    async def _reach(self) -> None:
        # A database answers on a later turn of the event loop at the earliest.
        await asyncio.sleep(0)
        await self.answers.wait()
        if self._closed:
            raise StorageError("The database is closed.")

    @asynccontextmanager
    async def _over(self, transaction: _Transaction) -> AsyncIterator[UnitOfWork]:
        try:
            yield InMemoryUnitOfWork(transaction)
        finally:
            transaction.open = False


def _as_stored(item: Any) -> Any:
    """Return the object as a database would give it back: its documents are plain JSON."""
    documents = {entry.name: getattr(item, entry.name) for entry in fields(item)}
    plain = {
        name: json.loads(encode_json(value, name))
        for name, value in documents.items()
        if isinstance(value, Mapping)
    }
    return replace(item, **plain)
